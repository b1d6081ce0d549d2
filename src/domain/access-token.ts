/** RFC 9068 §2.2 – The claims of an access token. Times are seconds since 1970. */
export type AccessTokenClaims = Readonly<{
  iss: string
  sub: string
  aud: string | readonly string[]
  client_id: string
  exp: number
  iat: number
  jti: string
  scope?: string
  /** Ours: the refresh family, so that one entry ends a whole sign-in. */
  sid?: string
  auth_time?: number
  amr?: readonly string[]
  roles?: readonly string[]
}>
