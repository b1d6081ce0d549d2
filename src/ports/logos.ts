/** The logos of clients, as this server has fetched them. A comment states atomicity and failure. All reject with Unavailable. */
import type { Digest } from '../domain/base/digest.ts'

/** SHA-256 of an image. */
export type LogoDigest = Uint8Array

export type ClientLogos = {
  /** What there is of the image at an address: null where it was never tried. `digest` is null while no fetch has succeeded. */
  find(
    uri_digest: Digest<'logo_uri'>,
  ): Promise<Readonly<{ digest: LogoDigest | null; isDue: boolean }> | null>
  /** Atomic: true for the one instance that is to fetch the image now. False while it is not due, and where too many images are kept. */
  claim(uri_digest: Digest<'logo_uri'>): Promise<boolean>
  /** Replaces the image. */
  keep(
    logo: Readonly<{ uri_digest: Digest<'logo_uri'>; digest: LogoDigest; image: Uint8Array }>,
  ): Promise<void>
  /** Atomic: counts a failed fetch, and puts the next one off. An image that was fetched before stays. */
  postpone(uri_digest: Digest<'logo_uri'>): Promise<void>
  /** Null when no image has this digest. */
  read(digest: LogoDigest): Promise<Uint8Array | null>
}
