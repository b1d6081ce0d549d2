import { logoTypeOf } from '../../domain/authorization/client-logo.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { ShowLogos } from '../../flows/oauth/client-logos.ts'
import type { Route } from '../server/route.ts'

/** Where an image is, by its digest: another image has another address. */
export const logoPathOf = (digest: string): string => `/logo/${digest}`

/** Ours (docs/decisions/0038) – The logo of an application, from here. As a page by itself it may do nothing. */
export const logoRoute = (logos: Pick<ShowLogos, 'read'>): Route => ({
  method: 'GET',
  path: '/logo/:digest',
  cors: 'none',
  errors: 'problem',
  handle: async ({ context }) => {
    const [digest = null] = /^[\da-f]{64}$/.exec(context.req.param('digest') ?? '') ?? []
    const image = digest && (await logos.read(digest))
    const type = image && logoTypeOf(image)
    if (!image || !type) throw new Problem('NOT_FOUND')
    return {
      status: 200,
      body: new Uint8Array(image),
      headers: {
        'Content-Type': type,
        'Cache-Control': 'public, max-age=31536000, immutable',
        'Content-Security-Policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
        'Cross-Origin-Resource-Policy': 'same-origin',
      },
    }
  },
})
