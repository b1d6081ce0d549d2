import { z } from 'zod'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { SignOut } from '../../flows/sign-in/sign-out.ts'
import { tokenRequestOf } from '../server/request-source.ts'
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
 * Ours (docs/decisions/0029) – POST /auth/logout, by the first of bearer token, refresh token and cookie that the request has. Beside
 * another proof, an access token that has expired, or that is for the application's own API, is ignored: a person who signs out must not be
 * kept signed in by it.
 */
export const handleSignOut =
  ({ signOut, authenticateBearer, cookieTransport }: Needs): Handle =>
  async call => {
    const { refresh_token, everywhere } = await readOptionalFields(call, FIELDS)
    const hasAnother = refresh_token !== undefined || cookieTransport.isThere(call)
    if (call.header('authorization') !== undefined) {
      const { request_id } = call
      const bearer = await authenticateBearer({ ...tokenRequestOf(call), request_id }).catch(
        (error: unknown) => {
          if (hasAnother && isNone(error)) return null
          throw error
        },
      )
      if (bearer !== null) {
        await signOut.byBearer(bearer, { everywhere })
        return { ...noContent, ...cookieTransport.forget(call), log: aboutSignIn(bearer.claims) }
      }
    }
    if (refresh_token !== undefined) {
      const log = await signOut.byRefreshToken(refresh_token, { everywhere, admits: () => true })
      return { ...noContent, ...cookieTransport.forget(call), log }
    }
    return cookieTransport.authenticate(call, async (token, admits) => {
      const log = await signOut.byRefreshToken(token, { everywhere, admits })
      return { ...noContent, cookies: [cookieTransport.clear], log }
    })
  }

const isNone = (error: unknown): boolean =>
  error instanceof Problem && (error.code === 'AUTH_TOKEN_EXPIRED' || error.reason === 'foreign_audience')
