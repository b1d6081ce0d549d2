import { Problem } from '../../domain/refusals/problem.ts'
import { type Brand, faviconOf, ICON_PATH, LOGO_PATH } from '../layout/brand.ts'
import type { Reply, Route } from '../server/route.ts'

const open = { method: 'GET', cors: 'none', errors: 'problem' } as const

/** The policy of an image that is opened as a page: scripts and links inside an SVG do nothing. Its styles are part of the picture. */
const IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
const DAY = 'public, max-age=86400'
export const FOR_GOOD = 'public, max-age=31536000, immutable'

/** RFC 9309 – The pages are for people who were sent to them. */
const ROBOTS = 'User-agent: *\nDisallow: /\n'

/** Ours: what browsers and crawlers ask for beside the pages. */
export const brandRoutes = (brand: Brand): readonly Route[] => {
  const { logo } = brand
  const icon =
    logo === null
      ? image(Buffer.from(faviconOf(brand)), { type: 'image/svg+xml', cache: DAY })
      : image(logo.bytes, { type: logo.type, cache: DAY })
  return [
    { ...open, path: ICON_PATH, handle: async () => icon },
    {
      ...open,
      path: LOGO_PATH,
      handle: async ({ context }) => {
        if (logo === null) throw new Problem('NOT_FOUND')
        // During an update the page of one version may ask the server of another one.
        const isThis = context.req.query('v') === logo.version
        return image(logo.bytes, { type: logo.type, cache: isThis ? FOR_GOOD : 'no-store' })
      },
    },
    { ...open, path: '/robots.txt', handle: async () => robots },
  ]
}

const robots: Reply = {
  status: 200,
  body: ROBOTS,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': DAY },
}

type Kept = Readonly<{ type: string; cache: string }>

export const image = (body: Uint8Array<ArrayBuffer>, { type, cache }: Kept): Reply => ({
  status: 200,
  body,
  headers: { 'Content-Type': type, 'Cache-Control': cache, 'Content-Security-Policy': IMAGE_POLICY },
})
