import type { Account } from '../../domain/account/account.ts'
import type { Language } from '../../domain/base/language.ts'
import type { RequestSource } from '../../domain/sign-in/refresh-family.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
import type { ChangePassword } from '../account/change-password.ts'
import type { Welcomed } from '../sign-in/complete-sign-in.ts'
import type { Notices } from './notices.ts'
import type { SendLinks } from './send-links.ts'

type Needs = Readonly<{ notices: Notices; sendLinks: SendLinks }>

/** What of a request goes into a mail. */
type Seen = Readonly<{ source: RequestSource; language: Language }>
type SigningIn<R extends Seen, S extends Welcomed> = (request: R) => Promise<S>

/** Ours – Wraps flows so that the account's owner hears by mail what came of them: a registration, a new device, a new password, other factors. */
export const createNotifyOwner = ({ notices, sendLinks }: Needs) => ({
  signUp:
    <R extends Seen, S extends Welcomed>(signUp: SigningIn<R, S>): SigningIn<R, S> =>
    async request => {
      const signedIn = await signUp(request)
      // Where no mail is sent, people register all the same.
      if (!sendLinks.isOff) sendLinks.verification(signedIn.account, request.language)
      return signedIn
    },

  signIn:
    <R extends Seen, S extends Welcomed>(signIn: SigningIn<R, S>): SigningIn<R, S> =>
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
