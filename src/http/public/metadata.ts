import { json, type Route } from '../server/route.ts'

/** RFC 8414 §3 – Authorization server metadata. */
export const metadataRoute = (metadata: object): Route => {
  const reply = json(200, metadata, { 'Cache-Control': 'public, max-age=3600' })
  return {
    method: 'GET',
    path: '/.well-known/oauth-authorization-server',
    cors: 'anyone',
    errors: 'oauth',
    handle: async () => reply,
  }
}
