import { presentAccount } from '../../domain/account.ts'
import type { AuthenticateBearer } from '../../flows/bearer.ts'
import type { ChangePassword } from '../../flows/change-password.ts'
import type { DeleteAccount } from '../../flows/delete-account.ts'
import type { ExportAccount } from '../../flows/export-account.ts'
import type { createRefresh } from '../../flows/refresh.ts'
import type { Sessions } from '../../flows/sessions.ts'
import type { SignOut } from '../../flows/sign-out.ts'
import type { Credentials, SignedIn } from '../../flows/sign-up.ts'
import type { Clients, Limit, Log } from '../../ports.ts'
import type { Cookie } from '../cookies.ts'
import { catching } from '../refusal.ts'
import { type Handle, json, NO_STORE, type Route } from '../route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { factorRoutes } from './factors.ts'
import { handleRefresh } from './refresh.ts'
import { limited } from './limited.ts'
import { handlePasskeyOptions, handlePasskeySignIn } from './passkey-sign-in.ts'
import { handleDeleteAccount, handleExportAccount } from './own-account.ts'
import { mailRoutes } from './mail.ts'
import { handleChangePassword } from './password.ts'
import { handleSecondFactor, handleStepUp, handleStepUpOptions } from './second-factor.ts'
import { handleEndOtherSessions, handleEndSession, handleListSessions } from './sessions.ts'
import { enterWith } from './sign-in.ts'
import { handleSignOut } from './sign-out.ts'

type Needs = Readonly<{
  clients: Clients
  signUp: (credentials: Credentials) => Promise<SignedIn>
  signIn: (credentials: Credentials) => Promise<SignedIn>
  refresh: ReturnType<typeof createRefresh>
  signOut: SignOut
  sessions: Sessions
  changePassword: ChangePassword
  deleteAccount: DeleteAccount
  exportAccount: ExportAccount
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
  deviceCookie: Cookie
  limits: Readonly<{ login: Limit; register: Limit; accounts: Limit; mail: Limit }>
  log: Log
}> &
  Parameters<typeof factorRoutes>[0] &
  Parameters<typeof handleStepUp>[0] &
  Parameters<typeof handlePasskeySignIn>[0] &
  Parameters<typeof mailRoutes>[0]

/** Contract – The first-party account API. Each request counts against its limit, the refused ones too. */
export const accountRoutes = (needs: Needs): readonly Route[] => {
  const { limits, authenticateBearer } = needs
  const counted = (handle: Handle): Handle => limited(limits.accounts, catching('problem', handle, needs.log))
  const me: Handle = async ({ header }) => {
    const { account } = await authenticateBearer(header('authorization'))
    return { ...json(200, presentAccount(account), NO_STORE), log: { sub: account.id } }
  }
  const countedTwice = (limit: Limit, handle: Handle) =>
    counted(limited(limit, catching('problem', handle, needs.log)))
  return [
    {
      ...account,
      method: 'POST',
      path: '/auth/register',
      handle: countedTwice(limits.register, enterWith(201, needs, needs.signUp)),
    },
    {
      ...account,
      method: 'POST',
      path: '/auth/login',
      handle: countedTwice(limits.login, enterWith(200, needs, needs.signIn)),
    },
    { ...account, method: 'POST', path: '/auth/refresh', handle: counted(handleRefresh(needs)) },
    { ...account, method: 'POST', path: '/auth/logout', handle: counted(handleSignOut(needs)) },
    { ...account, method: 'GET', path: '/auth/me', handle: counted(me) },
    { ...account, method: 'DELETE', path: '/auth/me', handle: counted(handleDeleteAccount(needs)) },
    { ...account, method: 'GET', path: '/auth/me/export', handle: counted(handleExportAccount(needs)) },
    { ...account, method: 'GET', path: '/auth/sessions', handle: counted(handleListSessions(needs)) },
    { ...account, method: 'DELETE', path: '/auth/sessions', handle: counted(handleEndOtherSessions(needs)) },
    { ...account, method: 'DELETE', path: '/auth/sessions/:id', handle: counted(handleEndSession(needs)) },
    ...factorRoutes(needs).map(route => ({ ...account, ...route, handle: counted(route.handle) })),
    {
      ...account,
      method: 'POST',
      path: '/auth/login/second-factor',
      handle: counted(handleSecondFactor(needs)),
    },
    {
      ...account,
      method: 'POST',
      path: '/auth/login/passkey/options',
      handle: countedTwice(limits.login, handlePasskeyOptions(needs)),
    },
    {
      ...account,
      method: 'POST',
      path: '/auth/login/passkey',
      handle: counted(handlePasskeySignIn(needs)),
    },
    {
      ...account,
      method: 'POST',
      path: '/auth/step-up/options',
      handle: counted(handleStepUpOptions(needs)),
    },
    { ...account, method: 'POST', path: '/auth/step-up', handle: counted(handleStepUp(needs)) },
    { ...account, method: 'POST', path: '/auth/password', handle: counted(handleChangePassword(needs)) },
    ...mailRoutes(needs, { counted, countedTwice }).map(
      route => ({ ...account, method: 'POST', ...route }) as const,
    ),
  ]
}

const account = { cors: 'clients-with-cookies', errors: 'problem' } as const
