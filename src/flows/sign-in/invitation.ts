import { parseLinkToken } from '../../domain/account/email-link.ts'
import { type Digest, digestOf } from '../../domain/base/digest.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Invitations } from '../../ports/mail.ts'

type Needs = Readonly<{ invitations: Pick<Invitations, 'find'> }>

/** A valid invitation: its digest, and the address that it was mailed to. */
export type Invited = Readonly<{ digest: Digest<'email_link'>; email: string }>

/** Throws the same 403 for an invitation that is unknown, spent, replaced or expired. Spends nothing. */
export const findInvitation = async ({ invitations }: Needs, text: string): Promise<Invited> => {
  const token = parseLinkToken(text)
  const digest = token && digestOf(token)
  const email = digest && (await invitations.find(digest))
  if (digest === null || email === null)
    throw new Problem('INVITATION_INVALID', { reason: 'invitation_unknown' })
  return { digest, email }
}

/** The address of the account that an invitation would open, for the page that the holder of the link sees. Spends nothing. */
export type OfferInvitation = (invitation: string) => Promise<string>

export const createOfferInvitation =
  (needs: Needs): OfferInvitation =>
  async invitation =>
    (await findInvitation(needs, invitation)).email
