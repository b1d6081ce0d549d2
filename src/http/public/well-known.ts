import { Problem } from '../../domain/base/problem.ts'
import { json, NO_STORE, type Route } from '../server/route.ts'

type Needs = Readonly<{ issuer: string; isResetOffered: boolean }>

const SECURITY_PATH = '/account/security'
const FORGOT_PASSWORD_PATH = '/forgot-password'

/** Where password managers lead a person who wants to change something. `pages`: the routes that there are to lead to. */
export const wellKnownRoutes = (
  { issuer, isResetOffered }: Needs,
  pages: readonly Route[],
): readonly Route[] => {
  const hasSecurityPage = pages.some(({ path }) => path === SECURITY_PATH)
  const url = `${issuer}${SECURITY_PATH}`
  return [
    changePasswordRoute(hasSecurityPage ? SECURITY_PATH : isResetOffered ? FORGOT_PASSWORD_PATH : null),
    passkeyEndpointsRoute(hasSecurityPage ? { enroll: url, manage: url } : {}),
  ]
}

/** W3C, A Well-Known URL for Changing Passwords, §3.1 – Leads to the page on which a person sets a new password; 404 where there is none. */
const changePasswordRoute = (Location: string | null): Route => ({
  method: 'GET',
  path: '/.well-known/change-password',
  cors: 'none',
  errors: 'problem',
  handle: async () => {
    if (Location === null) throw new Problem('NOT_FOUND')
    return { status: 303, body: null, headers: { ...NO_STORE, Location } }
  },
})

/** W3C, A Well-Known URL for Relying Party Passkey Endpoints, §3 – An empty object says that passkeys are supported here. */
const passkeyEndpointsRoute = (endpoints: Readonly<{ enroll?: string; manage?: string }>): Route => ({
  method: 'GET',
  path: '/.well-known/passkey-endpoints',
  cors: 'anyone',
  errors: 'problem',
  handle: async () => json(200, endpoints, { 'Cache-Control': 'public, max-age=3600' }),
})
