import { type SealedForm, sealForm, unsealForm } from '../../domain/authorization/session-form.ts'
import type { Peppers } from '../../domain/base/pepper.ts'
import { NONCE_BYTES } from '../../domain/factors/sealed-secret.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { BrowserSession } from '../../domain/sign-in/browser-session.ts'
import type { Random } from '../../ports/effects.ts'

type Purpose = Parameters<typeof unsealForm>[1]['purpose']
type Needs = Readonly<{ peppers: Peppers; random: Random }>

/** The hidden field of the forms that act for a person who is signed in. */
export const createSessionForms = ({ peppers, random }: Needs) => ({
  seal: (purpose: Purpose, { id: session_id }: BrowserSession, content: unknown = null): SealedForm =>
    sealForm(content, { session_id, purpose, nonce: random.bytes(NONCE_BYTES) }, peppers),

  /** What the field of a form holds. Throws a Problem for a form of another session: another person may have signed in since. */
  open: (purpose: Purpose, { id: session_id }: BrowserSession, sealed: string | undefined): unknown => {
    if (sealed === undefined) throw new Problem('PAGE_FOREIGN', { reason: 'page_seal_missing' })
    const form = unsealForm(sealed, { session_id, purpose }, peppers)
    if (form === null) throw new Problem('PAGE_FOREIGN', { reason: 'session_of_another_page' })
    return form.content
  },
})

export type SessionForms = ReturnType<typeof createSessionForms>
