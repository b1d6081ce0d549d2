import { json, NO_STORE, type Route } from '../server/route.ts'

type Needs = Readonly<{ issuer: string }>

const SECURITY_PATH = '/account/security'

/** Where password managers lead a person who wants to change something. */
export const wellKnownRoutes = ({ issuer }: Needs): readonly Route[] => [
  changePasswordRoute,
  passkeyEndpointsRoute(`${issuer}${SECURITY_PATH}`),
]

/** W3C, A Well-Known URL for Changing Passwords, §3.1 – Leads to the page on which a person changes their password. */
const changePasswordRoute: Route = {
  method: 'GET',
  path: '/.well-known/change-password',
  cors: 'none',
  errors: 'problem',
  handle: async () => ({ status: 303, body: null, headers: { ...NO_STORE, Location: SECURITY_PATH } }),
}

/** W3C, A Well-Known URL for Relying Party Passkey Endpoints, §3 */
const passkeyEndpointsRoute = (url: string): Route => ({
  method: 'GET',
  path: '/.well-known/passkey-endpoints',
  cors: 'anyone',
  errors: 'problem',
  handle: async () => json(200, { enroll: url, manage: url }, { 'Cache-Control': 'public, max-age=3600' }),
})
