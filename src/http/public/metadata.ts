import { json, type Route } from '../server/route.ts'

const PATHS = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']

/** RFC 8414 §3, OpenID Connect Discovery §4 – What this server can do: one document under both names, as an issuer without a path has them. */
export const metadataRoutes = (metadata: object): readonly Route[] => {
  const reply = json(200, metadata, { 'Cache-Control': 'public, max-age=3600' })
  return PATHS.map(path => ({
    method: 'GET',
    path,
    cors: 'anyone',
    errors: 'oauth',
    handle: async () => reply,
  }))
}
