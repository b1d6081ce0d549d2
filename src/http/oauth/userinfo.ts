import { type PresentedToken, presentedTokenOf } from '../../domain/oauth/access-token.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { Userinfo } from '../../flows/oauth/userinfo.ts'
import { isForm, readForm } from '../server/body.ts'
import { tokenRequestOf } from '../server/request-source.ts'
import { type Call, json, NO_STORE, type Route } from '../server/route.ts'

/** OpenID Connect Core §5.3 – The UserInfo endpoint, by GET and by POST. */
export const userinfoRoutes = (userinfo: Userinfo): readonly Route[] => [
  { ...routeOf(userinfo, readHeader), method: 'GET' },
  { ...routeOf(userinfo, readHeaderOrForm), method: 'POST' },
]

type ReadToken = (call: Call) => Promise<PresentedToken>

const routeOf = (userinfo: Userinfo, readToken: ReadToken): Omit<Route, 'method'> => ({
  path: '/userinfo',
  cors: 'anyone',
  errors: 'oauth',
  handle: async call => {
    const { client_id, claims } = await userinfo({
      ...tokenRequestOf(call),
      presented: await readToken(call),
    })
    return { ...json(200, claims, NO_STORE), log: { client_id } }
  },
})

/** RFC 6750 §2.1. A token in the query (§2.3) is never read: queries end up in logs. */
const readHeader: ReadToken = async ({ header }) => {
  const authorization = header('authorization')
  if (authorization === undefined) throw new OAuthError('token_missing')
  const presented = presentedTokenOf(authorization)
  if (presented === null) throw new OAuthError('token_not_bearer')
  return presented
}

/** RFC 6750 §2, §2.2 – In one of the two ways, and not in both. A token in the form is a bearer token. */
const readHeaderOrForm: ReadToken = async call => {
  const token = isForm(call) ? (await readForm(call)).get('access_token') : undefined
  if (token === undefined) return readHeader(call)
  if (call.header('authorization') !== undefined) throw new OAuthError('token_shown_twice')
  return { scheme: 'bearer', token }
}
