import type { Peppers } from '../base/pepper.ts'
import { sealText, unsealText } from '../factors/sealed-secret.ts'

/** What a sealed value is for: one kind of form opens nothing in another kind. `mailed`: the address that a link was mailed to. */
type Purpose = 'account' | 'logout' | 'mailed' | 'device' | 'console' | 'console note'

type Bound = Readonly<{ session_id: string; purpose: Purpose }>

/** What the hidden field of a form holds that acts for a person who is signed in. */
export type SealedForm = string

/**
 * Ours – Seals what a form takes along for one browser session: with any other session it opens nothing, so that it is the form's token
 * against forgery too. It lasts as long as the session, and no longer.
 */
export const sealForm = (
  content: unknown,
  { nonce, ...bound }: Bound & Readonly<{ nonce: Uint8Array }>,
  [pepper]: Peppers,
): SealedForm =>
  sealText(JSON.stringify(content), { use: 'session form', owner: ownerOf(bound), nonce }, pepper)

/** The reverse of `sealForm`. Null: changed, of another session or purpose, or under a pepper that is gone. */
export const unsealForm = (
  text: string,
  bound: Bound,
  peppers: Peppers,
): Readonly<{ content: unknown }> | null => {
  const opened = unsealText(text, { use: 'session form', owner: ownerOf(bound) }, peppers)
  return opened === null ? null : { content: JSON.parse(opened) }
}

const ownerOf = ({ session_id, purpose }: Bound) => `${purpose} form of session ${session_id}`
