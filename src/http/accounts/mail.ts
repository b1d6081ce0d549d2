import { z } from 'zod'
import type { AuthenticateBearer } from '../../flows/bearer.ts'
import type { MailLinks } from '../../flows/mail-links.ts'
import type { RedeemLinks } from '../../flows/redeem-link.ts'
import type { Limit } from '../../ports.ts'
import { languageFor } from '../language.ts'
import { type Handle, NO_STORE, noContent, type Reply } from '../route.ts'
import { type AccountRoute, post } from './account-route.ts'
import { withBearer } from './bearer.ts'
import { readFields, TEXT } from './fields.ts'
import { type ReadShown, SHOWN } from './shown.ts'

const ADDRESS = z.object({ email: TEXT })
const TOKEN = z.object({ token: TEXT })
const NEW_PASSWORD = z.object({ token: TEXT, new_password: TEXT })
const NEW_EMAIL = SHOWN.extend({ new_email: TEXT })

type Needs = Readonly<{
  mailLinks: MailLinks
  redeemLinks: RedeemLinks
  authenticateBearer: AuthenticateBearer
  readShown: ReadShown
  limits: Readonly<{ mail: Limit }>
}>

/** How the account API counts a request: against its own limit, and against another one too. */
type Counting = Readonly<{
  counted: (handle: Handle) => Handle
  countedTwice: (limit: Limit, handle: Handle) => Handle
}>

/** RFC 9110 §15.3.3 – Taken, and no word of whether anything comes of it. */
const ACCEPTED: Reply = { status: 202, body: null, headers: NO_STORE }

/** Contract – What is asked for by mail and done by link. */
export const mailRoutes = (
  { mailLinks, redeemLinks, authenticateBearer, readShown, limits }: Needs,
  { counted, countedTwice }: Counting,
): readonly AccountRoute[] => {
  const verification = withBearer(authenticateBearer, async ({ account }, call) => {
    mailLinks.verification(account, languageFor(call))
    return ACCEPTED
  })
  const forgot: Handle = async call => {
    const { email } = await readFields(call, ADDRESS)
    mailLinks.passwordReset({ email, language: languageFor(call) })
    return ACCEPTED
  }
  const change = withBearer(authenticateBearer, async (bearer, call) => {
    const { new_email, ...given } = await readFields(call, NEW_EMAIL)
    const shown = await readShown(call, bearer, given)
    await mailLinks.emailChange(bearer, { new_email, shown, language: languageFor(call) })
    return ACCEPTED
  })
  const verify: Handle = async call => {
    const { token } = await readFields(call, TOKEN)
    const { account_id: sub } = await redeemLinks.confirmEmail(token)
    return { ...noContent, log: { sub } }
  }
  const reset: Handle = async call => {
    const { account_id: sub } = await redeemLinks.resetPassword(await readFields(call, NEW_PASSWORD))
    return { ...noContent, log: { sub } }
  }

  return [
    post('/auth/password/forgot', countedTwice(limits.mail, forgot)),
    post('/auth/password/reset', counted(reset)),
    post('/auth/email', countedTwice(limits.mail, change)),
    post('/auth/email/verification', countedTwice(limits.mail, verification)),
    post('/auth/email/verify', counted(verify)),
  ]
}
