import type { ChangePassword } from './change-password.ts'
import type { MailLinks } from './mail-links.ts'
import type { Notices } from './notices.ts'
import type { Credentials, SignedIn } from './sign-up.ts'

type Enter = (credentials: Credentials) => Promise<SignedIn>
type Flows = Readonly<{ signUp: Enter; signIn: Enter; changePassword: ChangePassword }>
type Needs = Readonly<{ notices: Notices; mailLinks: MailLinks }>

/** Contract – The same flows, whose people hear of them by mail when they have succeeded. */
export const createTold =
  ({ notices, mailLinks }: Needs) =>
  ({ signUp, signIn, changePassword }: Flows): Flows => ({
    signUp: async credentials => {
      const signedIn = await signUp(credentials)
      const { language } = credentials
      notices.rememberLanguage(signedIn.account, language)
      // Where no mail is sent, people register all the same.
      if (!mailLinks.isOff) mailLinks.verification(signedIn.account, language)
      return signedIn
    },

    signIn: async credentials => {
      const signedIn = await signIn(credentials)
      const { language, origin } = credentials
      notices.rememberLanguage(signedIn.account, language)
      if (signedIn.isNewDevice) notices.newDevice(signedIn.account, { origin, language })
      return signedIn
    },

    changePassword: async (bearer, passwords) => {
      await changePassword(bearer, passwords)
      const { id: account_id, email, language } = bearer.account
      notices.passwordChanged({ account_id, email, language })
    },
  })
