import { z } from 'zod'
import { fieldInvalid, Problem } from '../../domain/refusals/problem.ts'
import { aboutOwner } from '../../flows/access/actor.ts'
import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { RedeemLinks } from '../../flows/mail/redeem-links.ts'
import type { SendLinks } from '../../flows/mail/send-links.ts'
import { languageFor } from '../server/language.ts'
import { type Call, type Handle, NO_STORE, noContent, type Reply } from '../server/route.ts'
import { type AccountRoute, post } from './account-route.ts'
import { readFields, TEXT } from './fields.ts'
import type { Within } from './limited.ts'
import { OWNER_PROOF, type ReadOwnerProof } from './owner-proof.ts'
import { withBearer } from './with-bearer.ts'

const ADDRESS = z.object({ email: TEXT })
const TOKEN = z.object({ token: TEXT })
const NEW_PASSWORD = z.object({ token: TEXT, new_password: TEXT })
const NEW_EMAIL = OWNER_PROOF.extend({ new_email: TEXT })

type Needs = Within &
  Readonly<{
    sendLinks: SendLinks
    redeemLinks: RedeemLinks
    authenticateBearer: AuthenticateBearer
    readOwnerProof: ReadOwnerProof
  }>

/** RFC 9110 §15.3.3 – Accepted. The answer does not reveal whether a mail is sent. */
const ACCEPTED: Reply = { status: 202, body: null, headers: NO_STORE }

/** Ours – Requests for mails with links, and the links themselves. A request that cannot send a mail counts against no limit of mails. */
export const mailRoutes = (needs: Needs): readonly AccountRoute[] => {
  const { sendLinks, redeemLinks, authenticateBearer, readOwnerProof } = needs
  const mailing = (call: Call, ask: () => void | Promise<void>) =>
    needs.within(async () => {
      await ask()
      return ACCEPTED
    })(call)
  const verification = withBearer(authenticateBearer, async (bearer, call) =>
    mailing(call, () =>
      sendLinks.verification(bearer.account, { language: languageFor(call), about: aboutOwner(bearer) }),
    ),
  )
  const forgot: Handle = async call => {
    const { email } = await readFields(call, ADDRESS)
    const { request_id } = call
    return mailing(call, () =>
      sendLinks.passwordReset({ email, language: languageFor(call), about: { request_id } }),
    )
  }
  const change = withBearer(authenticateBearer, async (bearer, call) => {
    const { new_email, ...given } = await readFields(call, NEW_EMAIL)
    const ownerProof = await readOwnerProof(call, bearer, given)
    return mailing(call, () =>
      sendLinks.emailChange(bearer, {
        new_email,
        ownerProof,
        language: languageFor(call),
        about: aboutOwner(bearer),
      }),
    )
  })
  const verify: Handle = async call => {
    const { token } = await readFields(call, TOKEN)
    const confirmation = await redeemLinks.confirmEmail({ token, request_id: call.request_id })
    switch (confirmation.outcome) {
      case 'confirmed':
        return { ...noContent, log: { sub: confirmation.account_id } }
      case 'already_confirmed':
        throw new Problem('LINK_INVALID', { reason: 'already_confirmed' })
    }
  }
  const reset: Handle = async call => {
    const redeemed = await redeemLinks.resetPassword({
      ...(await readFields(call, NEW_PASSWORD)),
      request_id: call.request_id,
    })
    switch (redeemed.outcome) {
      case 'reset':
        return { ...noContent, log: { sub: redeemed.account_id } }
      case 'password_refused':
        throw fieldInvalid({ pointer: '#/new_password', detail: redeemed.fault })
    }
  }

  return [
    post('/auth/password/forgot', forgot),
    post('/auth/password/reset', reset),
    post('/auth/email', change),
    post('/auth/email/verification', verification),
    post('/auth/email/verify', verify),
  ]
}
