/** Seconds that a logout token lives. OpenID Connect Back-Channel Logout §2.4 advises two minutes at most. */
const LOGOUT_TOKEN_SECONDS = 120

type LogoutToken = Readonly<{
  issuer: string
  client_id: string
  user_id: string
  /** The sign-in that has ended; null: all of the person at this client. */
  sid: string | null
  /** The same in each attempt to deliver it. */
  jti: string
  /** Seconds since 1970. */
  iat: number
}>

/** OpenID Connect Back-Channel Logout §2.4 – The claims of a logout token. It never has a nonce, so that it is no ID token. */
export const logoutTokenClaims = ({ issuer, client_id, user_id, sid, jti, iat }: LogoutToken) => ({
  iss: issuer,
  aud: client_id,
  iat,
  exp: iat + LOGOUT_TOKEN_SECONDS,
  jti,
  events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  sub: user_id,
  ...(sid === null ? {} : { sid }),
})
