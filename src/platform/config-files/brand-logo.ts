import { hash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'

const LOGO_MAX_BYTES = 65_536

const MAGIC = [
  ['image/png', /^\x89PNG\r\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/webp', /^RIFF[\s\S]{4}WEBP/],
  ['image/svg+xml', /^(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!doctype svg|svg)[\s\S]*<\/svg>\s*$/i],
] as const

export type LogoFile = Readonly<{
  bytes: Uint8Array<ArrayBuffer>
  type: (typeof MAGIC)[number][0]
  version: string
}>

/** Reads BRAND_LOGO_FILE. A fault is a sentence for the operator. */
export const readLogo = (path: string): LogoFile | Readonly<{ fault: string }> => {
  const image = readImage(path)
  return 'fault' in image ? { fault: `BRAND_LOGO_FILE ${image.fault}: ${path}` } : image
}

/** Reads a small image of the operator. The type follows from the bytes, not from the file name. */
export const readImage = (path: string): LogoFile | Readonly<{ fault: string }> => {
  const bytes = readSmall(path)
  if ('fault' in bytes) return bytes
  const text = Buffer.from(bytes).toString('latin1')
  const [type] = MAGIC.find(([, magic]) => magic.test(text)) ?? []
  if (type === undefined) return { fault: 'must be an SVG, PNG, JPEG or WebP image' }
  return { bytes, type, version: hash('sha256', bytes, 'hex').slice(0, 12) }
}

const readSmall = (path: string): Uint8Array<ArrayBuffer> | Readonly<{ fault: string }> => {
  try {
    if (statSync(path).size > LOGO_MAX_BYTES) return { fault: `must be ${LOGO_MAX_BYTES} bytes at most` }
    return new Uint8Array(readFileSync(path))
  } catch {
    return { fault: 'cannot be read' }
  }
}
