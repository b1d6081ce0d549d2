// How Auth.js signs people in at Signet: authorization code with PKCE, state and nonce. docs/recipes.md says how the client is registered.
const {
  ISSUER = 'http://localhost:8080',
  API = 'http://localhost:4000',
  CLIENT_ID = 'nextjs',
  CLIENT_SECRET,
  NEXTAUTH_URL = 'http://localhost:3000',
  NEXTAUTH_SECRET,
} = process.env

export const [issuer, api, client_id, client_secret] = [ISSUER, API, CLIENT_ID, CLIENT_SECRET]
export const [origin, secret] = [new URL(NEXTAUTH_URL).origin, NEXTAUTH_SECRET]

const isSecure = origin.startsWith('https:')

/** The session of a browser is sealed into a cookie. No other site can send it with a POST: it is `SameSite=Lax`. */
export const cookie = {
  name: isSecure ? '__Host-shop-session' : 'shop-session',
  options: { httpOnly: true, sameSite: 'lax', path: '/', secure: isSecure },
}

export const session_max_age_seconds = 14 * 24 * 60 * 60

/** What a token answer adds to the session. A refresh without an ID token keeps the one of before. */
export const tokensOf = ({ access_token, refresh_token, id_token, expires_at }, before = {}) => ({
  access_token,
  refresh_token,
  id_token: id_token ?? before.id_token,
  expires_at,
})

export const options = {
  secret,
  session: { strategy: 'jwt', maxAge: session_max_age_seconds },
  cookies: { sessionToken: cookie },
  providers: [
    {
      id: 'signet',
      name: 'Signet',
      type: 'oauth',
      wellKnown: `${issuer}/.well-known/openid-configuration`,
      clientId: client_id,
      clientSecret: client_secret,
      idToken: true,
      // Auth.js leaves all three out unless they are named.
      checks: ['pkce', 'state', 'nonce'],
      authorization: { params: { scope: 'openid email offline_access', resource: api } },
      profile: ({ sub, email }) => ({ id: sub, email }),
    },
  ],
  callbacks: {
    // Auth.js calls this also where a page is rendered, and loses what it returns there: a refresh belongs into proxy.js.
    jwt: ({ token, account }) => (account ? { ...token, ...tokensOf(account) } : token),
  },
}
