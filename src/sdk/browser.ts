/** Signs people in to a web application, in the browser. docs/browser.md is the guide. */

export {
  type AccountAuth,
  type AccountOptions,
  createAccountAuth,
  type EmailAndPassword,
  type FactorNeeded,
  type SecondFactor,
} from './browser/account-auth.ts'
export type { Auth, AuthState, PagesOptions, Tokens, User } from './browser/auth.ts'
export { AuthError, type AuthErrorCode } from './browser/auth-error.ts'
export type { SignInOptions } from './browser/code-flow.ts'
export { createFetch, type FetchOptions } from './browser/create-fetch.ts'
export { createPagesAuth, type PagesAuth } from './browser/pages-auth.ts'
