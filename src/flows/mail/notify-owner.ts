import type { Account } from '../../domain/account/account.ts'
import type { Language } from '../../domain/base/language.ts'
import { type AboutRequest, aboutSignIn } from '../../domain/base/log-fields.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { TracedSource } from '../../domain/sign-in/refresh-family.ts'
import { aboutOwner, type Owner } from '../access/actor.ts'
import type { ChangePassword } from '../account/change-password.ts'
import type { Welcomed } from '../sign-in/complete-sign-in.ts'
import type { Notices } from './notices.ts'
import type { SendLinks } from './send-links.ts'

type Needs = Readonly<{ notices: Notices; sendLinks: SendLinks }>

/** The parts of a request that a mail, or a line of the log about the mail, contains. */
type Seen = Readonly<{ client: Client; source: TracedSource; language: Language }>
type SigningIn<R extends Seen, S extends Welcomed> = (request: R) => Promise<S>

/**
 * Ours – Wraps flows so that the account's owner is notified by mail of a registration, a new device, a new password and changed factors.
 */
export const createNotifyOwner = ({ notices, sendLinks }: Needs) => ({
  signUp:
    <R extends Seen, S extends Welcomed>(signUp: SigningIn<R, S>): SigningIn<R, S> =>
    async request => {
      const signedIn = await signUp(request)
      // Registration works without mail, and the address of an invited person is proved.
      if (!sendLinks.isOff && signedIn.account.email_verified_at === null)
        sendLinks.verification(signedIn.account, { ...request, about: aboutOf(signedIn, request) })
      return signedIn
    },

  signIn:
    <R extends Seen, S extends Welcomed>(signIn: SigningIn<R, S>): SigningIn<R, S> =>
    async request => {
      const signedIn = await signIn(request)
      const seen = { ...request, about: aboutOf(signedIn, request) }
      notices.rememberLanguage(signedIn.account, seen)
      if (signedIn.isNewDevice) notices.newDevice(signedIn.account, seen)
      return signedIn
    },

  changePassword:
    (changePassword: ChangePassword): ChangePassword =>
    async (owner, passwords) => {
      await changePassword(owner, passwords)
      notices.passwordChanged(addresseeOf(owner.account), aboutOwner(owner))
    },

  /** A factor outlasts a new password: a thief who enrols a factor of their own must not do so in silence. */
  factorChange:
    <G extends readonly unknown[], R>(change: FactorChange<G, R>): FactorChange<G, R> =>
    async (owner, ...given) => {
      const changed = await change(owner, ...given)
      notices.factorsChanged(addresseeOf(owner.account), aboutOwner(owner))
      return changed
    },
})

export type NotifyOwner = ReturnType<typeof createNotifyOwner>
type FactorChange<G extends readonly unknown[], R> = (owner: Owner, ...given: G) => Promise<R>

const aboutOf = ({ account, sid }: Welcomed, { client, source }: Seen): AboutRequest => ({
  ...aboutSignIn({ sub: account.id, sid, client_id: client.client_id }),
  request_id: source.request_id,
})

const addresseeOf = ({ id: account_id, email, language }: Account) => ({ account_id, email, language })
