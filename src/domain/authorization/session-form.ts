import type { Peppers } from '../base/pepper.ts'
import { type SealedSecret, seal, unseal } from '../factors/sealed-secret.ts'

/** What a sealed value is for: one kind of form opens nothing in another kind. `mailed`: the address that a link was mailed to. */
type Purpose = 'account' | 'logout' | 'mailed'

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
): SealedForm => {
  const text = Buffer.from(JSON.stringify(content))
  return Buffer.from(seal(text, { owner: ownerOf(bound), nonce }, pepper)).toString('base64url')
}

/** The reverse of `sealForm`. Null: changed, of another session or purpose, or under a pepper that is gone. */
export const unsealForm = (
  text: string,
  bound: Bound,
  peppers: Peppers,
): Readonly<{ content: unknown }> | null => {
  const sealed: Uint8Array = Buffer.from(text, 'base64url')
  const opened = unseal(sealed as SealedSecret, ownerOf(bound), peppers)
  return opened && { content: JSON.parse(Buffer.from(opened).toString()) }
}

const ownerOf = ({ session_id, purpose }: Bound) => `${purpose} form of session ${session_id}`
