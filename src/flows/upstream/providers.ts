import { z } from 'zod'
import type { AddressRange } from '../../domain/base/ip-address.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import {
  jsonOf,
  type ProviderMetadata,
  readProviderMetadata,
} from '../../domain/upstream/provider-metadata.ts'
import type { Upstream } from '../../domain/upstream/upstream.ts'
import type { Clock, Log } from '../../ports/effects.ts'
import type { Outbound, OutboundAnswer, OutboundOutcome, OutboundRequest } from '../../ports/outbound.ts'

type Needs = Readonly<{
  outbound: Outbound
  /** Internal addresses that this server may call. */
  outbound_allow: readonly AddressRange[]
  clock: Clock
  log: Log
}>

/** Of one request to a provider, at most. */
const ANSWER_MAX_BYTES = 65_536
/** Of everything that one step of a sign-in asks a provider for. */
const STEP_MILLISECONDS = 8_000

const METADATA_SECONDS = 3_600
const KEYS_SECONDS = 600
/** Seconds after a fetch before an unknown key, or a failure, makes another one. */
const COOLDOWN_SECONDS = 10
/** Requests at once to one provider: a slow one leaves the others, and the outbound slots, free. */
const REQUESTS_AT_ONCE = 16

/** The part of a request that is not the same for all of them. */
type Asked = Pick<OutboundRequest, 'url'> &
  Readonly<{ ends_at: number; headers?: OutboundRequest['headers']; form?: Readonly<Record<string, string>> }>

/** RFC 7517 §5 – The keys are judged by the library that uses them. */
const KEY_SET = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) })
export type ProviderKeys = z.output<typeof KEY_SET>

/**
 * OpenID Connect Discovery §4 – What providers say of themselves, fetched when a person first comes and kept in the memory of each instance.
 * A provider that is away is asked again after COOLDOWN_SECONDS, and costs the others nothing. Every verb throws a Problem for a provider
 * that cannot be used.
 */
export const createProviders = (needs: Needs) => {
  const { clock } = needs
  const metadata = createFetched<ProviderMetadata>({ clock, seconds: METADATA_SECONDS })
  const keys = createFetched<ProviderKeys>({ clock, seconds: KEYS_SECONDS })
  const ask = createAsk(needs)

  const metadataOf = (upstream: Upstream, ends_at: number): Promise<ProviderMetadata> =>
    metadata.get(upstream.issuer, async () => {
      const url = `${upstream.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
      const body = await ask(upstream, { url, ends_at })
      const read = readProviderMetadata(body, { issuer: upstream.issuer, allow: needs.outbound_allow })
      if (!('cause' in read)) return read
      throw refused(needs, upstream, { reason: 'metadata_wrong', cause: read.cause })
    })

  const fetchKeys = async (upstream: Upstream, ends_at: number): Promise<ProviderKeys> => {
    const { jwks_uri } = await metadataOf(upstream, ends_at)
    const set = KEY_SET.safeParse(jsonOf(await ask(upstream, { url: jwks_uri, ends_at })))
    if (set.success) return set.data
    throw refused(needs, upstream, { reason: 'metadata_wrong', cause: 'its jwks_uri has no key set' })
  }

  return {
    /** When everything that this step asks for must have been answered. */
    deadline: (): number => performance.now() + STEP_MILLISECONDS,
    ask,
    metadataOf,
    keysOf: (upstream: Upstream, ends_at: number): Promise<ProviderKeys> =>
      keys.get(upstream.issuer, () => fetchKeys(upstream, ends_at)),
    /** Null while the keys are so new that fetching them again would be a waste. */
    newerKeysOf: (upstream: Upstream, ends_at: number): Promise<ProviderKeys> | null =>
      keys.getNewer(upstream.issuer, () => fetchKeys(upstream, ends_at)),
  }
}

export type Providers = ReturnType<typeof createProviders>

type Kept<V> = Readonly<{ value: V | null; until: number; cool_until: number }>

/** A value of each provider that is fetched once at a time. After a fetch, failed or not, none follows within the cooldown. */
const createFetched = <V>({ clock, seconds }: Readonly<{ clock: Clock; seconds: number }>) => {
  const kept = new Map<string, Kept<V>>()
  const running = new Map<string, Promise<V>>()
  const now = () => clock().getTime() / 1000
  const isCool = (key: string) => now() >= (kept.get(key)?.cool_until ?? 0)
  const keep = (key: string, value: V | null) => {
    const at = now()
    kept.set(key, { value, until: value === null ? 0 : at + seconds, cool_until: at + COOLDOWN_SECONDS })
  }
  const loadAndKeep = async (key: string, load: () => Promise<V>): Promise<V> => {
    try {
      const value = await load()
      keep(key, value)
      return value
    } catch (error) {
      keep(key, null)
      throw error
    } finally {
      running.delete(key)
    }
  }
  const loadOnce = (key: string, load: () => Promise<V>): Promise<V> => {
    const loading = running.get(key) ?? loadAndKeep(key, load)
    running.set(key, loading)
    return loading
  }
  return {
    get: async (key: string, load: () => Promise<V>): Promise<V> => {
      const { value = null, until = 0 } = kept.get(key) ?? {}
      if (value !== null && now() < until) return value
      if (!running.has(key) && !isCool(key)) throw away('unreachable')
      return loadOnce(key, load)
    },
    /** Null during the cooldown. */
    getNewer: (key: string, load: () => Promise<V>): Promise<V> | null =>
      running.has(key) || isCool(key) ? loadOnce(key, load) : null,
  }
}

const away = (reason: 'unreachable' | 'metadata_wrong'): Problem =>
  new Problem('UPSTREAM_AWAY', { reason, retry_after_seconds: COOLDOWN_SECONDS })

type Refusal = Readonly<{ reason: 'unreachable' | 'metadata_wrong'; cause: string }>

/** The person learns that the provider is away, the operator why. */
const refused = ({ log }: Pick<Needs, 'log'>, { id }: Upstream, { reason, cause }: Refusal): Problem => {
  log.warn({ upstream: id, reason, cause }, 'a provider could not be used')
  return away(reason)
}

/** The body of a JSON answer of status 200. */
const createAsk = (needs: Needs) => {
  const running = new Map<string, number>()
  const count = (issuer: string, by: 1 | -1) => {
    const now = (running.get(issuer) ?? 0) + by
    if (now === 0) running.delete(issuer)
    else running.set(issuer, now)
  }
  const send = async (
    { issuer }: Upstream,
    { url, ends_at, headers = {}, form }: Asked,
  ): Promise<OutboundOutcome> => {
    const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
    count(issuer, 1)
    try {
      return await needs.outbound.send({
        url,
        method: form === undefined ? 'GET' : 'POST',
        headers: { accept: 'application/json', ...type, ...headers },
        body: form === undefined ? null : new URLSearchParams(form).toString(),
        accept_bytes: ANSWER_MAX_BYTES,
        timeout_milliseconds: Math.max(1, ends_at - performance.now()),
      })
    } finally {
      count(issuer, -1)
    }
  }
  return async (upstream: Upstream, asked: Asked): Promise<Uint8Array> => {
    if ((running.get(upstream.issuer) ?? 0) >= REQUESTS_AT_ONCE)
      throw new Unavailable('outbound', 1, `too many sign-ins at ${upstream.id}`)
    const answer = await send(upstream, asked)
    if (answer.outcome !== 'answered')
      throw refused(needs, upstream, { reason: 'unreachable', cause: answer.reason })
    const { status, body } = answer
    if (status === 200) return body
    if (asked.form !== undefined && status >= 400 && status < 500) throw refusedCode(needs, upstream, answer)
    throw refused(needs, upstream, { reason: 'unreachable', cause: `status ${status}` })
  }
}

/** RFC 6749 §5.2 – The provider's own word goes to the log: `invalid_client` is a fault of the configuration. */
const refusedCode = ({ log }: Needs, { id }: Upstream, { status, body }: OutboundAnswer): Problem => {
  const json = z.object({ error: z.string().regex(/^[\x20-\x7e]{1,100}$/) }).safeParse(jsonOf(body))
  const cause = json.data?.error ?? `status ${status}`
  log.warn({ upstream: id, reason: 'code_refused', cause }, 'a provider refused a code')
  return new Problem('UPSTREAM_INVALID', { reason: 'code_refused' })
}
