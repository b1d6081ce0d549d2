import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { ChangePassword } from '../../flows/account/change-password.ts'
import type { DeleteAccount } from '../../flows/account/delete-account.ts'
import type { ExportAccount } from '../../flows/account/export-account.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { SignedIn } from '../../flows/sign-in/complete-sign-in.ts'
import type { createRefresh } from '../../flows/sign-in/refresh.ts'
import type { SignInOutcome } from '../../flows/sign-in/sign-in.ts'
import type { SignIns } from '../../flows/sign-in/sign-ins.ts'
import type { SignOut } from '../../flows/sign-in/sign-out.ts'
import type { Credentials } from '../../flows/sign-in/sign-up.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Limit } from '../../ports/limits.ts'
import type { Cookie } from '../server/cookies.ts'
import type { Csrf } from '../server/csrf.ts'
import { catchingProblems } from '../server/refusal.ts'
import type { Handle, Route } from '../server/route.ts'
import { type AccountRoute, post } from './account-route.ts'
import { handleChangePassword } from './change-password.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { mailRoutes } from './email-links.ts'
import { factorRoutes } from './factors.ts'
import { identityRoutes } from './identities.ts'
import { limited, type Within } from './limited.ts'
import {
  handleChangeProfile,
  handleDeleteAccount,
  handleExportAccount,
  handleShowAccount,
} from './own-account.ts'
import { createReadOwnerProof } from './owner-proof.ts'
import { handlePasskeyOptions, handlePasskeySignIn } from './passkey-sign-in.ts'
import { handleRefresh } from './refresh.ts'
import { handleSecondFactor, handleStepUp, handleStepUpOptions } from './second-factor.ts'
import { handleSignIn } from './sign-in.ts'
import { handleEndOtherSignIns, handleEndSignIn, handleListSignIns } from './sign-ins.ts'
import { handleSignOut } from './sign-out.ts'

type Needs = Readonly<{
  clients: Clients
  signUp: (credentials: Credentials) => Promise<SignedIn>
  signIn: (credentials: Credentials) => Promise<SignInOutcome>
  refresh: ReturnType<typeof createRefresh>
  signOut: SignOut
  signIns: SignIns
  changePassword: ChangePassword
  deleteAccount: DeleteAccount
  exportAccount: ExportAccount
  ownProfile: OwnProfile
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
  csrf: Csrf
  deviceCookie: Cookie
  limits: Readonly<{ login: Limit; register: Limit; accounts: Limit; mail: Limit }>
}> &
  Omit<Parameters<typeof factorRoutes>[0], 'readOwnerProof'> &
  Omit<Parameters<typeof identityRoutes>[0], 'readOwnerProof'> &
  Parameters<typeof handleStepUp>[0] &
  Parameters<typeof handlePasskeySignIn>[0] &
  Omit<Parameters<typeof mailRoutes>[0], 'readOwnerProof' | keyof Within>

/**
 * Ours – The first-party account API. Each request of its own clients counts against `accounts`; a request that begins a sign-in and
 * cannot be carried out counts there apart. Only a request that can be carried out counts against the limit of what it asks for.
 */
export const accountRoutes = (needs: Needs): readonly Route[] => {
  const { limits } = needs
  const showing = { ...needs, readOwnerProof: createReadOwnerProof(needs) }
  const counted = (handle: Handle): Handle => limited(limits.accounts, catchingProblems(handle))
  const against = (limit: Limit): Needs & Within => ({
    ...needs,
    within: handle => limited(limit, catchingProblems(handle)),
  })
  const routes: readonly AccountRoute[] = [
    post('/auth/register', handleSignIn(201, against(limits.register), needs.signUp)),
    post('/auth/login', handleSignIn(200, against(limits.login), needs.signIn)),
    post('/auth/login/second-factor', counted(handleSecondFactor(needs))),
    post('/auth/login/passkey/options', handlePasskeyOptions(needs)),
    post('/auth/login/passkey', counted(handlePasskeySignIn(needs))),
    { ...post('/auth/refresh', counted(handleRefresh(needs))), handsOriginDown: true },
    post('/auth/logout', counted(handleSignOut(needs))),
    { method: 'GET', path: '/auth/me', handle: counted(handleShowAccount(needs)) },
    { method: 'PATCH', path: '/auth/me', handle: counted(handleChangeProfile(needs)) },
    { method: 'DELETE', path: '/auth/me', handle: counted(handleDeleteAccount(showing)) },
    { method: 'GET', path: '/auth/me/export', handle: counted(handleExportAccount(needs)) },
    { method: 'GET', path: '/auth/sessions', handle: counted(handleListSignIns(needs)) },
    { method: 'DELETE', path: '/auth/sessions', handle: counted(handleEndOtherSignIns(needs)) },
    { method: 'DELETE', path: '/auth/sessions/:id', handle: counted(handleEndSignIn(needs)) },
    post('/auth/password', counted(handleChangePassword(showing))),
    ...mailRoutes({ ...against(limits.mail), ...showing }).map(route => ({
      ...route,
      handle: counted(route.handle),
    })),
    post('/auth/step-up/options', counted(handleStepUpOptions(needs))),
    post('/auth/step-up', counted(handleStepUp(needs))),
    ...[...factorRoutes(showing), ...identityRoutes(showing)].map(route => ({
      ...route,
      handle: counted(route.handle),
    })),
  ]
  return routes.map(({ handle, ...route }) => ({
    cors: 'clients-with-cookies',
    errors: 'problem',
    ...route,
    handle: needs.csrf.refuseForeign(handle),
  }))
}
