import { type Account, judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import {
  LINK_SEED_BYTES,
  type LinkPurpose,
  type LinkToken,
  linkTokenFrom,
} from '../../domain/account/email-link.ts'
import { MAIL_OF_LINK } from '../../domain/account/mail.ts'
import { countingKeyOf, digestOf } from '../../domain/base/digest.ts'
import type { Language } from '../../domain/base/language.ts'
import type { AboutRequest } from '../../domain/base/log-fields.ts'
import { type Peppers, pepperById } from '../../domain/base/pepper.ts'
import { fieldInvalid, Problem } from '../../domain/refusals/problem.ts'
import type { Random } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import type { About, EmailLinks, IssuedLink, Mailer, NewLink } from '../../ports/mail.ts'
import type { Owner } from '../access/actor.ts'
import type { OwnerProof, RequireStepUp } from '../factors/require-step-up.ts'

type Needs = Readonly<{
  links: EmailLinks
  /** Null: this server sends no mail. */
  mailer: Mailer | null
  random: Random
  peppers: Peppers
  /**
   * Mails to one address for one purpose, whether an account has the address or not. Its window is shorter than a link's life, so that the
   * last link that was mailed still works.
   */
  recipients: Limit
  requireStepUp: RequireStepUp
  /** The URL of a link. */
  linkTo: (purpose: LinkPurpose, token: LinkToken) => string
}>

/** What is wrong with a new address that the account has already. */
export const SAME_ADDRESS = 'must be another one'

type Asked = Readonly<{ language: Language; about: AboutRequest }>
type Request = Asked & Readonly<{ email: string }>

/**
 * Ours – Mails links. The answer does not reveal whether an account has the address: the look-up and the limit of the address follow the
 * answer. A mail goes to the address that the account has, never to the one that was typed: an address that looks the same, or folds to the
 * same characters, can be another person's mailbox.
 */
export const createSendLinks = (needs: Needs) => {
  const pepper_ids = needs.peppers.map(({ id }) => id)
  const requireMailer = (): Mailer => {
    if (needs.mailer === null) throw new Problem('MAIL_OFF')
    return needs.mailer
  }

  const post = (
    purpose: LinkPurpose,
    { email, language, about, isUrgent }: Request & Pick<About, 'isUrgent'>,
    issue: (link: NewLink) => Promise<IssuedLink | null>,
  ) => {
    requireMailer().post(
      async () => {
        const allowance = await needs.recipients.consume(`${purpose}:${countingKeyOf(email)}`)
        if (allowance !== null && !allowance.isAllowed) return null
        const [newest] = needs.peppers
        const seed = needs.random.bytes(LINK_SEED_BYTES)
        const digest = digestOf(linkTokenFrom(seed, newest))
        const issued = await issue({ digest, seed, pepper_id: newest.id })
        const pepper = issued && pepperById(needs.peppers, issued.pepper_id)
        if (!issued || !pepper) return null
        const token = linkTokenFrom(issued.seed, pepper)
        const values = { link: needs.linkTo(purpose, token), minutes: String(issued.minutes) }
        const { account_id, email: to } = issued
        return { name: MAIL_OF_LINK[purpose], language, to, account_id, values }
      },
      { isUrgent, email, about },
    )
  }

  return {
    isOff: needs.mailer === null,

    verification: ({ id: account_id, email }: Account, { language, about }: Asked): void =>
      post('verify_email', { email, language, about, isUrgent: false }, link =>
        needs.links.issueVerification({ account_id, email, link, pepper_ids }),
      ),

    passwordReset: ({ email: given, ...asked }: Request): void => {
      const email = parseEmail(given, '#/email')
      post('reset_password', { ...asked, email, isUrgent: true }, link =>
        needs.links.issueReset({ email, link, pepper_ids }),
      )
    },

    emailChange: async (
      owner: Owner,
      { ownerProof, new_email: given, ...asked }: ChangeRequest,
    ): Promise<void> => {
      requireMailer()
      const { account } = owner
      const { id: account_id, credential_epoch } = account
      const new_email = parseEmail(given, '#/new_email')
      if (new_email === account.email) throw fieldInvalid({ pointer: '#/new_email', detail: SAME_ADDRESS })
      await needs.requireStepUp(owner, ownerProof)
      post('change_email', { ...asked, email: new_email, isUrgent: false }, link =>
        needs.links.issueChange({ account_id, credential_epoch, new_email, link, pepper_ids }),
      )
    },
  }
}

export type SendLinks = ReturnType<typeof createSendLinks>

type ChangeRequest = Asked & Readonly<{ ownerProof: OwnerProof; new_email: string }>

const parseEmail = (given: string, pointer: string): string => {
  const email = normalizeEmail(given)
  const detail = judgeEmail(email)
  if (detail !== null) throw fieldInvalid({ pointer, detail })
  return email
}
