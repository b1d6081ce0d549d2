import type { Elapsed } from './elapsed.ts'
import type { Engine, RsaJwk } from './engine.ts'
import { parseJwks } from './jwks.ts'
import { asObject } from './jws.ts'
import { type Fetch, fetchJson, isTrustworthyUrl } from './remote-json.ts'

/** Seconds after the last fetch before an unknown `kid` may cause another: a flood of unknown `kid`s costs one fetch. */
const COOL_DOWN_SECONDS = 20
/** Bounds and default of the seconds for which keys are fresh by the issuer's `Cache-Control`. */
const FRESH_SECONDS = { least: 60, standard: 300, most: 3600 } as const
/** The fraction of that time after which the keys are refreshed in the background. */
const REFRESH_AT = 0.8
/** RFC 8414 §2 – Seconds for which a discovered `jwks_uri` is used. */
const DISCOVERY_SECONDS = 3600

/** One key of the issuer. The object stays the same for as long as the key is published unchanged. */
export type IssuerKey<Key> = Readonly<{ jwk: RsaJwk; key: Key }>

export type KeySet<Key> = Readonly<{
  /** Null: the issuer publishes no such key. Rejects when the keys cannot be fetched. */
  find(kid: string): Promise<IssuerKey<Key> | null>
  /** The key, where it is known and fresh enough; undefined otherwise. Starts a refresh in the background where one is due. */
  peek(kid: string): IssuerKey<Key> | undefined
  /** Fetches the keys unless they are fresh. Rejects when they cannot be fetched. */
  load(): Promise<void>
}>

export type KeySetOptions = Readonly<{
  issuer: string
  /** Null: discovered. */
  jwks_uri: string | null
  /** How long stale keys are still used while the issuer is away. */
  max_stale_seconds: number
  fetch: Fetch
  /** Monotonic: a clock that is set back must not prolong the life of a revoked key. */
  elapsed: Elapsed
  /** Told about each fetch that failed. */
  onFault: (fault: Error) => void
}>

type Held<Key> = Readonly<{
  keys: ReadonlyMap<string, IssuerKey<Key>>
  refresh_at: number
  fresh_until: number
  usable_until: number
}>

/**
 * RFC 7517, RFC 8414 – The issuer's keys: fetched when needed, by one fetch at a time, and refreshed in the background before
 * they expire. A fetch that fails changes nothing: the last good set stays, within its limit. A cool-down lies between two
 * fetches, so that no sender of tokens can make this service flood the issuer.
 */
export const createKeySet = <Key>(engine: Engine<Key>, options: KeySetOptions): KeySet<Key> => {
  const locate = createLocator(options)
  let held: Held<Key> | null = null
  let inFlight: Promise<void> | null = null
  let failures = 0
  let started_at = Number.NEGATIVE_INFINITY

  const fetchKeys = async (): Promise<void> => {
    try {
      const { json, max_age_seconds } = await fetchJson(await locate.uri(), options.fetch)
      const keys = await importKeys(engine, parseJwks(json), held?.keys)
      held = { keys, ...lifetimeOf(max_age_seconds, options) }
      failures = 0
    } catch (cause) {
      failures += 1
      locate.forget()
      throw new Error('the keys of the issuer could not be fetched', { cause })
    }
  }

  /** Joins the fetch in flight, or starts one. */
  const refresh = (): Promise<void> => {
    if (inFlight !== null) return inFlight
    started_at = options.elapsed()
    inFlight = fetchKeys().finally(() => {
      inFlight = null
    })
    inFlight.catch(options.onFault)
    return inFlight
  }

  /** An issuer that is away is asked again after 1, 2, 4, 8, 16 and then every 20 seconds. */
  const mayFetch = () => {
    const pause = failures === 0 ? COOL_DOWN_SECONDS : Math.min(2 ** (failures - 1), COOL_DOWN_SECONDS)
    return inFlight !== null || options.elapsed() >= started_at + pause
  }

  /** The keys that may be used now. After a failed fetch no request waits for the issuer while stale keys may still be used. */
  const current = (): Held<Key>['keys'] | null => {
    const now = options.elapsed()
    if (held === null || now >= held.usable_until) return null
    const isFresh = now < held.fresh_until
    if (now >= held.refresh_at && (isFresh || failures > 0) && mayFetch()) refresh().catch(() => {})
    return isFresh || failures > 0 ? held.keys : null
  }

  const load = async () => {
    if (current() !== null) return
    if (failures > 0 && !mayFetch())
      throw new Error('the keys of the issuer could not be fetched a moment ago')
    await refresh().catch((fault: unknown) => {
      if (current() === null) throw fault
    })
  }

  return {
    load,
    peek: kid => current()?.get(kid),
    find: async kid => {
      await load()
      const known = held?.keys.get(kid)
      if (known !== undefined) return known
      if (mayFetch()) await refresh()
      else if (failures > 0) throw new Error('the kid is unknown and the issuer could not be reached')
      return held?.keys.get(kid) ?? null
    },
  }
}

const importKeys = async <Key>(
  engine: Engine<Key>,
  jwks: readonly RsaJwk[],
  known: ReadonlyMap<string, IssuerKey<Key>> | undefined,
): Promise<ReadonlyMap<string, IssuerKey<Key>>> => {
  const keys = await Promise.all(
    jwks.map(async jwk => {
      const same = known?.get(jwk.kid)
      return same?.jwk.n === jwk.n ? same : { jwk, key: await engine.importKey(jwk) }
    }),
  )
  return new Map(keys.map(key => [key.jwk.kid, key]))
}

const lifetimeOf = (max_age_seconds: number | null, { elapsed, max_stale_seconds }: KeySetOptions) => {
  const { least, standard, most } = FRESH_SECONDS
  const seconds = Math.min(Math.max(max_age_seconds ?? standard, least), most)
  const now = elapsed()
  const fresh_until = now + seconds
  return {
    refresh_at: now + seconds * REFRESH_AT,
    fresh_until,
    usable_until: fresh_until + max_stale_seconds,
  }
}

/** RFC 8414 §3 – Finds the URL of the issuer's keys. The metadata must name exactly the issuer that was asked for. */
const createLocator = ({ issuer, jwks_uri, fetch, elapsed }: KeySetOptions) => {
  let located: Readonly<{ uri: string; until: number }> | null = null

  const discover = async () => {
    const url = metadataUrl(issuer)
    const metadata = asObject((await fetchJson(url, fetch)).json)
    if (metadata?.['issuer'] !== issuer) throw new Error(`${url} is of another issuer`)
    const uri = metadata['jwks_uri']
    if (typeof uri !== 'string' || !isTrustworthyUrl(uri)) throw new Error(`${url} names no https jwks_uri`)
    located = { uri, until: elapsed() + DISCOVERY_SECONDS }
    return uri
  }

  return {
    uri: async () => jwks_uri ?? (located !== null && elapsed() < located.until ? located.uri : discover()),
    forget: () => {
      located = null
    },
  }
}

/** RFC 8414 §3.1 – The well-known part goes between the host and the path of the issuer. */
export const metadataUrl = (issuer: string): string => {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`
}
