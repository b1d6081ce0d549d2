import { z } from 'zod'
import { Problem } from '../../domain/base/problem.ts'
import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { SignOut } from '../../flows/sign-in/sign-out.ts'
import { type Handle, noContent } from '../server/route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { FILLED, readOptionalFields } from './fields.ts'

const FIELDS = z.object({
  refresh_token: FILLED.optional(),
  everywhere: z.boolean('must be true or false').default(false),
})

type Needs = Readonly<{
  signOut: SignOut
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
}>

/**
 * Ours (docs/decisions/0029) – POST /auth/logout by bearer token, by refresh token or by cookie: the first of them that the request has.
 * Beside another proof, an access token that has expired since the page was opened, or whose audience is the application's own API, is
 * ignored: a person who wants to be signed out must be.
 */
export const handleSignOut =
  ({ signOut, authenticateBearer, cookieTransport }: Needs): Handle =>
  async call => {
    const { refresh_token, everywhere } = await readOptionalFields(call, FIELDS)
    const authorization = call.header('authorization')
    const hasAnother = refresh_token !== undefined || cookieTransport.isThere(call)
    if (authorization !== undefined) {
      const bearer = await authenticateBearer(authorization).catch((error: unknown) => {
        if (hasAnother && isNone(error)) return null
        throw error
      })
      if (bearer !== null) {
        await signOut.byBearer(bearer, { everywhere })
        return { ...noContent, ...cookieTransport.forget(call) }
      }
    }
    if (refresh_token !== undefined) {
      await signOut.byRefreshToken(refresh_token, { everywhere, admits: () => true })
      return { ...noContent, ...cookieTransport.forget(call) }
    }
    return cookieTransport.authenticate(call, async (token, admits) => {
      await signOut.byRefreshToken(token, { everywhere, admits })
      return { ...noContent, cookies: [cookieTransport.clear] }
    })
  }

const isNone = (error: unknown): boolean =>
  error instanceof Problem && (error.code === 'AUTH_TOKEN_EXPIRED' || error.reason === 'foreign_audience')
