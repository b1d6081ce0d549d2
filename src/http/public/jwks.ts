import { hash } from 'node:crypto'
import { JWKS_CACHE_SECONDS } from '../../domain/keys/key-ring.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Route } from '../server/route.ts'
import { matchesEtag } from '../server/route.ts'

/** RFC 7517 §5 – The public keys. Needs neither Postgres nor Redis. */
export const jwksRoute = (keys: Keys): Route => {
  let published: ReturnType<Keys['published']> = []
  let body = ''
  let etag = ''
  return {
    method: 'GET',
    path: '/.well-known/jwks.json',
    cors: 'anyone',
    errors: 'oauth',
    handle: async ({ header }) => {
      // The ring returns the same array until a key changes its state.
      if (keys.published() !== published) {
        published = keys.published()
        body = JSON.stringify({ keys: published })
        etag = `"${hash('sha256', body).slice(0, 16)}"`
      }
      const headers = { 'Cache-Control': `public, max-age=${JWKS_CACHE_SECONDS}`, ETag: etag }
      if (matchesEtag(etag, header('if-none-match'))) return { status: 304, body: null, headers }
      return { status: 200, body, headers: { ...headers, 'Content-Type': 'application/json' } }
    },
  }
}
