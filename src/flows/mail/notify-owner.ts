import type { Account } from '../../domain/account/account.ts'
import type { Language } from '../../domain/base/language.ts'
import type { RequestSource } from '../../domain/sign-in/refresh-family.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
import type { ChangePassword } from '../account/change-password.ts'
import type { SignedIn } from '../sign-in/complete-sign-in.ts'
import type { MailLinks } from './send-links.ts'
import type { Notices } from './notices.ts'

type Needs = Readonly<{ notices: Notices; mailLinks: MailLinks }>

/** What of a request goes into a mail. */
type Seen = Readonly<{ source: RequestSource; language: Language }>
type CompletingSignIn<R extends Seen> = (request: R) => Promise<SignedIn>

/** Ours – Wraps flows so that the account's owner is notified by mail after each success. */
export const createNotifyOwner = ({ notices, mailLinks }: Needs) => ({
  signUp:
    <R extends Seen>(signUp: CompletingSignIn<R>): CompletingSignIn<R> =>
    async request => {
      const signedIn = await signUp(request)
      // Where no mail is sent, people register all the same.
      if (!mailLinks.isOff) mailLinks.verification(signedIn.account, request.language)
      return signedIn
    },

  signIn:
    <R extends Seen>(signIn: CompletingSignIn<R>): CompletingSignIn<R> =>
    async request => {
      const signedIn = await signIn(request)
      notices.rememberLanguage(signedIn.account, request.language)
      if (signedIn.isNewDevice) notices.newDevice(signedIn.account, request)
      return signedIn
    },

  changePassword:
    (changePassword: ChangePassword): ChangePassword =>
    async (bearer, passwords) => {
      await changePassword(bearer, passwords)
      notices.passwordChanged(addresseeOf(bearer.account))
    },

  /** A factor outlasts a new password: whoever stole the old one and enrols theirs must not do so in silence. */
  factorChange:
    <G extends readonly unknown[], R>(change: FactorChange<G, R>): FactorChange<G, R> =>
    async (bearer, ...given) => {
      const changed = await change(bearer, ...given)
      notices.factorsChanged(addresseeOf(bearer.account))
      return changed
    },
})

export type NotifyOwner = ReturnType<typeof createNotifyOwner>
type FactorChange<G extends readonly unknown[], R> = (bearer: Bearer, ...given: G) => Promise<R>

const addresseeOf = ({ id: account_id, email, language }: Account) => ({ account_id, email, language })
