/** RFC 6749 §7.1, RFC 9449 §5 – How a client presents an access token: as it is, or with a proof of the key that it is bound to. */
export type TokenType = 'Bearer' | 'DPoP'

/** RFC 6749 §5.1 – An access token on the wire. */
export type AccessTokenResponse = Readonly<{
  access_token: string
  token_type: TokenType
  expires_in: number
  scope?: string
}>

/** RFC 6749 §5.1 – The answer of the token endpoint: the access token, and further tokens of a grant. */
export type TokenResponse = AccessTokenResponse &
  Readonly<{
    refresh_token?: string
    /** RFC 8693 §2.2.1 – Of an exchange: what `access_token` is. */
    issued_token_type?: string
    /** Seconds for which the refresh token waits for its use. */
    refresh_token_expires_in?: number
    /** OpenID Connect Core §3.1.3.3 */
    id_token?: string
  }>
