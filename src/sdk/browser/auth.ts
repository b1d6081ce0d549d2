import type { AuthError } from './auth-error.ts'

/** The person: the claims of the ID token, or the account of the account API. */
export type User = Readonly<{ sub: string } & Record<string, unknown>>

/**
 * - `loading`: not known yet. After a failure that can pass, `error` has it, and the library goes on trying.
 * - `signed-in`: `getToken` gives an access token.
 * - `signed-out`: `error` says why a sign-in ended that the server no longer accepts; null otherwise.
 */
export type AuthState =
  | Readonly<{ status: 'loading'; user: null; error: AuthError | null }>
  | Readonly<{ status: 'signed-in'; user: User; error: null }>
  | Readonly<{ status: 'signed-out'; user: null; error: AuthError | null }>

export type Tokens = Readonly<{ access_token: string; expires_in: number; user: User }>

/** What is the same in both modes. */
export type Auth = Readonly<{
  /** The state now; the same object until it changes. */
  state(): AuthState
  /** Calls the listener after each change. Returns the function that ends it. */
  subscribe(listener: () => void): () => void
  /** Resolves with the first state that is not `loading`. */
  ready(): Promise<AuthState>
  /**
   * An access token that is good for some seconds yet; renews it where necessary. `isRefused`: a token that a resource server has refused.
   * Throws AuthError `signed_out`, or a temporary one.
   */
  getToken(options?: Readonly<{ isRefused?: string | undefined }>): Promise<string>
  /** Ends timers, listeners and channels. The sign-in stays. */
  dispose(): void
}>

export type PagesOptions = Readonly<{
  /** The address of Signet, exactly as its metadata has it. */
  issuer: string
  /** A public client: `token_endpoint_auth_method` is `none`, with the grants `authorization_code` and `refresh_token`. */
  client_id: string
  /** Registered for the client. The page there calls `completeSignIn`. */
  redirect_uri: string
  /** Default `openid profile email offline_access`. `openid` is required; without `offline_access` a reload signs the person out. */
  scope?: string
  /** The API that the access tokens are for (RFC 8707); default the client's first audience. */
  resource?: string
  /** Registered as `post_logout_redirect_uris`. Default: the person stays on Signet's page. */
  post_logout_redirect_uri?: string
  /** Keeps the refresh token. Default `localStorage`, for all tabs; `sessionStorage` signs one tab in. */
  storage?: Storage
}>
