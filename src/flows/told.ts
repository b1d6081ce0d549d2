import type { Language } from '../domain/language.ts'
import type { Origin } from '../domain/refresh-family.ts'
import type { ChangePassword } from './change-password.ts'
import type { SignedIn } from './enter.ts'
import type { MailLinks } from './mail-links.ts'
import type { Notices } from './notices.ts'

type Needs = Readonly<{ notices: Notices; mailLinks: MailLinks }>

/** What of a request goes into a mail. */
type Seen = Readonly<{ origin: Origin; language: Language }>
type Enter<R extends Seen> = (request: R) => Promise<SignedIn>

/** Contract – The same flows, whose people hear of them by mail when they have succeeded. */
export const createTold = ({ notices, mailLinks }: Needs) => ({
  signUp:
    <R extends Seen>(signUp: Enter<R>): Enter<R> =>
    async request => {
      const signedIn = await signUp(request)
      notices.rememberLanguage(signedIn.account, request.language)
      // Where no mail is sent, people register all the same.
      if (!mailLinks.isOff) mailLinks.verification(signedIn.account, request.language)
      return signedIn
    },

  signIn:
    <R extends Seen>(signIn: Enter<R>): Enter<R> =>
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
      const { id: account_id, email, language } = bearer.account
      notices.passwordChanged({ account_id, email, language })
    },
})
