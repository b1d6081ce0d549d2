import { hash } from 'node:crypto'
import { LOGO_MAX_BYTES, logoTypeOf, logoUriDigestOf } from '../../domain/authorization/client-logo.ts'
import type { Digest } from '../../domain/base/digest.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { Log } from '../../ports/effects.ts'
import type { ClientLogos, LogoDigest } from '../../ports/logos.ts'
import type { Outbound, OutboundOutcome } from '../../ports/outbound.ts'

type Needs = Readonly<{ logos: ClientLogos; outbound: Outbound; log: Log }>

/** A fetch ends long before its claim does. */
const TIMEOUT_MILLISECONDS = 5_000

/** Fetches at once in this process. A logo beyond is tried again when a page shows its application the next time. */
const FETCHES_AT_ONCE = 4

const HEADERS = { accept: 'image/png, image/webp, image/jpeg, image/gif' }

/**
 * Ours (docs/decisions/0038) – The browser never asks an application's server for a logo, which would tell that server of each person who
 * looks at the page. No person waits for a fetch: until it has succeeded there is no logo.
 */
export const createShowLogos = (needs: Needs) => {
  const { logos, log } = needs
  const fetching = new Set<string>()
  const begin = async (wanted: Wanted): Promise<void> => {
    if (fetching.size >= FETCHES_AT_ONCE || fetching.has(wanted.logo_uri)) return
    fetching.add(wanted.logo_uri)
    try {
      await renew(needs, wanted)
    } catch (error) {
      // An unavailable Postgres is logged elsewhere.
      if (!(error instanceof Unavailable))
        log.error({ client_id: wanted.client_id, error: String(error) }, 'a logo could not be kept')
    } finally {
      fetching.delete(wanted.logo_uri)
    }
  }
  return {
    /** The digest of the client's logo, in hex; null where there is none yet. Begins to fetch one that is due. */
    find: async ({ client_id, logo_uri }: Client): Promise<string | null> => {
      if (logo_uri === undefined) return null
      const uri_digest = logoUriDigestOf(logo_uri)
      const known = await logos.find(uri_digest)
      if (known === null || known.isDue) void begin({ client_id, logo_uri, uri_digest })
      return known?.digest ? Buffer.from(known.digest).toString('hex') : null
    },

    /** The image with this digest, in hex; null where there is none. */
    read: (digest: string): Promise<Uint8Array | null> => logos.read(Buffer.from(digest, 'hex')),
  }
}

export type ShowLogos = ReturnType<typeof createShowLogos>

type Wanted = Readonly<{ client_id: string; logo_uri: string; uri_digest: Digest<'logo_uri'> }>

const renew = async (
  { logos, outbound, log }: Needs,
  { client_id, logo_uri, uri_digest }: Wanted,
): Promise<void> => {
  if (!(await logos.claim(uri_digest))) return
  const outcome = await outbound.send({
    url: logo_uri,
    method: 'GET',
    headers: HEADERS,
    body: null,
    accept_bytes: LOGO_MAX_BYTES,
    timeout_milliseconds: TIMEOUT_MILLISECONDS,
  })
  const judged = judgeLogo(outcome)
  if ('image' in judged) return logos.keep({ uri_digest, ...judged })
  await logos.postpone(uri_digest)
  log.warn({ client_id, error: judged.fault }, 'the logo of a client could not be fetched')
}

type Judged = Readonly<{ image: Uint8Array; digest: LogoDigest } | { fault: string }>

const judgeLogo = (outcome: OutboundOutcome): Judged => {
  if (outcome.outcome !== 'answered') return { fault: outcome.reason }
  const { status, body: image } = outcome
  if (status !== 200) return { fault: `status ${status}` }
  if (logoTypeOf(image) === null) return { fault: 'neither PNG nor JPEG, WebP or GIF' }
  return { image, digest: hash('sha256', image, 'buffer') }
}
