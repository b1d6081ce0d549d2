import { type Digest, digestOf, type Plain } from '../base/digest.ts'

/** Bytes of an image, at most. */
export const LOGO_MAX_BYTES = 262_144

/** Seconds after which an image is fetched again, when a page shows it. */
export const LOGO_FRESH_SECONDS = 86_400

/** Seconds for which the one instance that fetches an image keeps the others from fetching it. */
export const LOGO_CLAIM_SECONDS = 60

/** Seconds before an image is tried again whose fetch failed; doubled by each failure in a row, up to LOGO_FRESH_SECONDS. */
export const LOGO_RETRY_SECONDS = 60

/** Seconds after which an image is forgotten that no page has shown. */
export const LOGO_KEPT_SECONDS = 2_592_000

/** Images that are kept, at most. Applications beyond are shown by their initial. */
export const LOGOS_AT_MOST = 1_000

/** WHATWG MIME Sniffing §6.1 – What is at which offset, a byte a character. No SVG: it can hold scripts and links. */
const SIGNATURES = [
  { type: 'image/png', marks: [[0, '\x89PNG\r\n\x1a\n']] },
  { type: 'image/jpeg', marks: [[0, '\xff\xd8\xff']] },
  {
    type: 'image/webp',
    marks: [
      [0, 'RIFF'],
      [8, 'WEBPVP8'],
    ],
  },
  { type: 'image/gif', marks: [[0, 'GIF87a']] },
  { type: 'image/gif', marks: [[0, 'GIF89a']] },
] as const
const SIGNATURE_BYTES = 16

type LogoType = (typeof SIGNATURES)[number]['type']

/** The type of an image; null for everything else. What its server calls it does not count. */
export const logoTypeOf = (image: Uint8Array): LogoType | null => {
  const head = Buffer.from(image.subarray(0, SIGNATURE_BYTES)).toString('latin1')
  const isSigned = (marks: readonly (readonly [number, string])[]) =>
    marks.every(([offset, mark]) => head.startsWith(mark, offset))
  return SIGNATURES.find(({ marks }) => isSigned(marks))?.type ?? null
}

/** OpenID Connect Registration §2 – What the image at a `logo_uri` is kept under. */
export const logoUriDigestOf = (logo_uri: string): Digest<'logo_uri'> =>
  digestOf(logo_uri as Plain<'logo_uri'>)
