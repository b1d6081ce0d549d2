import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose'
import { z } from 'zod'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { AssertionIssuer } from '../../domain/exchange/assertion-issuers.ts'
import { publicJwk } from '../../domain/oauth/client-metadata.ts'
import { freshSecondsOf } from '../../domain/outbound/freshness.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Outbound } from '../../ports/outbound.ts'

type Needs = Readonly<{ outbound: Outbound; clock: Clock }>

const MOST_BYTES = 65_536
const MOST_KEYS = 100
const MILLISECONDS = 3_000
const LEAST_SECONDS = 300
const MOST_SECONDS = 86_400
/** Seconds within which the keys of an issuer are fetched once, whatever came of it: strangers name keys that are not there. */
const COOLDOWN_SECONDS = 30

type Known = Readonly<{
  keys: JWTVerifyGetKey | null
  asked_at: number
  fresh_until: number
  ends_at: number
}>

/** RFC 7517 §5 – The keys of listed issuers. Rejects with Unavailable where an issuer's keys cannot be had. */
export type IssuerKeys = Readonly<{
  of(issuer: AssertionIssuer): Promise<JWTVerifyGetKey>
  /** The keys fetched anew, for a key that is not among the known ones. Null within COOLDOWN_SECONDS of the last fetch. */
  renewed(issuer: AssertionIssuer): Promise<JWTVerifyGetKey | null>
}>

/**
 * Keys of the file as they are, and those of a `jwks_uri` in memory: fetched through the guard, once at a time, bounded in bytes, time and
 * number. Keys outlive a failed fetch by a day at most. A changed entry of the file is a new object, for which the keys are fetched again.
 */
export const createIssuerKeys = ({ outbound, clock }: Needs): IssuerKeys => {
  const known = new WeakMap<AssertionIssuer, Known>()
  const fetching = new WeakMap<AssertionIssuer, Promise<Known>>()

  const fetchKeys = async (issuer: AssertionIssuer, url: string): Promise<Known> => {
    const now = clock().getTime() / 1000
    const fetched = await ask(outbound, url)
    const last = known.get(issuer)
    const kept = last === undefined || last.ends_at <= now ? null : last.keys
    const found: Known =
      fetched === null
        ? { keys: kept, asked_at: now, fresh_until: now + COOLDOWN_SECONDS, ends_at: last?.ends_at ?? now }
        : {
            keys: fetched.keys,
            asked_at: now,
            fresh_until: now + fetched.seconds,
            ends_at: now + MOST_SECONDS,
          }
    known.set(issuer, found)
    return found
  }
  const fetchOnce = (issuer: AssertionIssuer, url: string): Promise<Known> => {
    const underway = fetching.get(issuer)
    if (underway !== undefined) return underway
    const fetched = fetchKeys(issuer, url).finally(() => fetching.delete(issuer))
    fetching.set(issuer, fetched)
    return fetched
  }
  const inFile = (issuer: AssertionIssuer, jwks: NonNullable<AssertionIssuer['jwks']>): JWTVerifyGetKey => {
    const keys = known.get(issuer)?.keys ?? createLocalJWKSet(jwks)
    known.set(issuer, { keys, asked_at: 0, fresh_until: 0, ends_at: 0 })
    return keys
  }

  return {
    of: async issuer => {
      const { jwks, jwks_uri } = issuer
      if (jwks !== undefined) return inFile(issuer, jwks)
      const now = clock().getTime() / 1000
      const last = known.get(issuer)
      const isFresh = last !== undefined && now < last.fresh_until
      const { keys } = isFresh ? last : await fetchOnce(issuer, jwks_uri ?? '')
      if (keys === null) throw new Unavailable('outbound', COOLDOWN_SECONDS, `no keys of ${issuer.issuer}`)
      return keys
    },
    renewed: async issuer => {
      const { jwks_uri } = issuer
      const asked_at = known.get(issuer)?.asked_at ?? 0
      const isCooling = clock().getTime() / 1000 < asked_at + COOLDOWN_SECONDS
      return jwks_uri === undefined || isCooling ? null : (await fetchOnce(issuer, jwks_uri)).keys
    },
  }
}

type Fetched = Readonly<{ keys: JWTVerifyGetKey; seconds: number }>

const ask = async (outbound: Outbound, url: string): Promise<Fetched | null> => {
  const answer = await outbound.send({
    url,
    method: 'GET',
    headers: { accept: 'application/json' },
    body: null,
    accept_bytes: MOST_BYTES,
    timeout_milliseconds: MILLISECONDS,
  })
  const keys = answer.outcome === 'answered' && answer.status === 200 ? readKeySet(answer.body) : null
  if (answer.outcome !== 'answered' || keys === null) return null
  const seconds = freshSecondsOf(answer.headers) ?? LEAST_SECONDS
  return { keys, seconds: Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, seconds)) }
}

const keySet = z.object({ keys: z.array(z.unknown()).max(MOST_KEYS) })

/** RFC 7517 §5 – Public keys alone; a key of a kind that is not known is ignored. Null for what is no set. */
const readKeySet = (body: Uint8Array): JWTVerifyGetKey | null => {
  const parsed = keySet.safeParse(parseJson(body))
  if (!parsed.success) return null
  const keys = parsed.data.keys.flatMap(key => {
    const known = publicJwk.safeParse(key)
    return known.success ? [known.data] : []
  })
  return createLocalJWKSet({ keys })
}

const parseJson = (body: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'))
  } catch {
    return null
  }
}
