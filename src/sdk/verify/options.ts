import { CLOCK_TOLERANCE_MAX_SECONDS, CLOCK_TOLERANCE_SECONDS } from '../../domain/base/clock-tolerance.ts'
import { type Elapsed, elapsedBy } from './elapsed.ts'
import { type OptionNames, requireFunctions, requireKnownOptions } from './known-options.ts'
import type { ProofSettings } from './presented.ts'
import type { Fetch } from './remote-json.ts'
import { isTrustworthyUrl } from './remote-json.ts'
import { type ResourceMetadata, type ResourceOptions, resourceMetadata } from './resource-metadata.ts'
import type { RevocationSource } from './revocation-source.ts'

/** RFC 9449 – Options for tokens that are bound to a key of their client. */
export type DpopOptions = Readonly<{
  /**
   * Where clients reach this service: proofs name an address under it. Default: the origin of `resource`, or of the one `audience` where that
   * is a URL. Neither `Host` nor a forwarded header is believed.
   */
  publicUrl?: string
  /** True: a token that is bound to no key is refused. Default false. */
  required?: boolean
  /** 32 characters or more, the same in all instances of the service: proofs then need a nonce. Default: none is asked for. */
  nonceSecret?: string
  /** Proofs that are remembered, at most, so that each works once in this process. 1–10000000, default 100000. */
  memorySize?: number
}>

export type VerifierOptions = Readonly<{
  /** The issuer, exactly as its tokens spell it. https, or http on loopback. */
  issuer: string
  /** The identifiers of this service; `aud` must hold one. Never the issuer: tokens for the issuer are for its account API alone. */
  audience: string | readonly string[]
  /** Seconds by which clocks may differ, for `exp`, `nbf` and `iat`. 0–300, default 5. */
  clockToleranceSeconds?: number
  /** The URL of the issuer's keys. Default: discovered (RFC 8414). https, or http on loopback. */
  jwks_uri?: string
  /** Seconds that keys are used beyond their freshness while the issuer is away. 0–86400, default 3600. */
  keysMaxStaleSeconds?: number
  /** Verified tokens that are cached; expiry, key and revocation are still checked each time. 0–1000000, default 5000. */
  cacheSize?: number
  /** The source that tells whether a token was revoked. Default: none; a revoked token is then accepted until it expires. */
  revocations?: RevocationSource
  /** What to do with a token while the source's knowledge is too old. Default: refuse. */
  onStale?: 'accept' | 'refuse'
  /** RFC 9728 – The metadata of this service; challenges then give its URL. */
  resource?: ResourceOptions
  /** RFC 9449 – How tokens that are bound to a key are taken. Default: from clients that send a proof, where `publicUrl` is known. */
  dpop?: DpopOptions
  /** Called when the keys could not be refreshed: for the log. The last good keys stay in use within their limit. */
  onFault?: (fault: Error) => void
  /** Default: the runtime's. For a proxy, a private CA, or tests. */
  fetch?: Fetch
  /** Milliseconds since 1970. Default: Date.now. */
  now?: () => number
}>

const OPTIONS: OptionNames<VerifierOptions> = {
  issuer: true,
  audience: true,
  clockToleranceSeconds: true,
  jwks_uri: true,
  keysMaxStaleSeconds: true,
  cacheSize: true,
  revocations: true,
  onStale: true,
  resource: true,
  dpop: true,
  onFault: true,
  fetch: true,
  now: true,
}

/** Every option checked and every default filled in. Times in seconds. */
export type VerifierSettings = Readonly<{
  issuer: string
  audience: readonly string[]
  clock_tolerance_seconds: number
  jwks_uri: string | null
  max_stale_seconds: number
  cache_size: number
  revocations: RevocationSource | null
  onStale: 'accept' | 'refuse'
  metadata: ResourceMetadata | null
  /** Null: the address of the service is unknown, and no bound token is taken. */
  dpop: ProofSettings | null
  onFault: (fault: Error) => void
  fetch: Fetch
  /** Since 1970. */
  now: () => number
  elapsed: Elapsed
}>

/** Throws a TypeError for a fault in the options: a service with such a fault should not start. */
export const parseOptions = (options: VerifierOptions): VerifierSettings => {
  requireKnownOptions('createVerifier', options, OPTIONS)
  const { issuer, audience, jwks_uri, revocations, onStale = 'refuse', resource, onFault, fetch } = options
  requireFunctions('createVerifier', { onFault, fetch, now: options.now })
  const now = options.now ?? Date.now
  check(isIssuer(issuer), 'issuer must be an https URL without query and fragment, or http on loopback')
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  check(audiences.length > 0 && audiences.every(isText), 'audience must be given: one text or several')
  // A token for the issuer can change its owner's account, so that no other service may request or receive one.
  check(
    !audiences.includes(issuer),
    `audience must be this service's own, such as https://api.example.com, not the issuer ${issuer}: register it as audience of the clients that call this service, and ask for it with resource`,
  )
  check(jwks_uri === undefined || (isText(jwks_uri) && isTrustworthyUrl(jwks_uri)), 'jwks_uri must be https')
  check(
    revocations === undefined || typeof revocations?.check === 'function',
    'revocations must have a check',
  )
  check(onStale === 'accept' || onStale === 'refuse', 'onStale must be accept or refuse')
  const places = [resource?.resource, ...(audiences.length === 1 ? audiences : [])]
  const dpop = parseDpop(options.dpop, places)
  return {
    issuer,
    audience: audiences.filter(isText),
    clock_tolerance_seconds: within(
      'clockToleranceSeconds',
      options.clockToleranceSeconds ?? CLOCK_TOLERANCE_SECONDS,
      CLOCK_TOLERANCE_MAX_SECONDS,
    ),
    jwks_uri: jwks_uri ?? null,
    max_stale_seconds: within('keysMaxStaleSeconds', options.keysMaxStaleSeconds ?? 3600, 86_400),
    cache_size: within('cacheSize', options.cacheSize ?? 5000, 1_000_000),
    revocations: revocations ?? null,
    onStale,
    metadata: resource === undefined ? null : resourceMetadata(issuer, resource, dpop),
    dpop,
    onFault: quietly(onFault),
    // The global fetch is looked up at each call, because a test may replace it.
    fetch: fetch ?? ((url, init) => globalThis.fetch(url, init)),
    now: () => now() / 1000,
    // Monotonic: a clock that is set forward must not age the keys.
    elapsed: options.now ? elapsedBy(options.now) : () => performance.now() / 1000,
  }
}

const DPOP_OPTIONS: OptionNames<DpopOptions> = {
  publicUrl: true,
  required: true,
  nonceSecret: true,
  memorySize: true,
}

/** `places`: where the service may be reached, unless the options say it. */
const parseDpop = (given: DpopOptions | undefined, places: readonly unknown[]): ProofSettings | null => {
  const options = given ?? {}
  requireKnownOptions('dpop', options, DPOP_OPTIONS)
  const { publicUrl, required = false, nonceSecret = null, memorySize = 100_000 } = options
  check(publicUrl === undefined || isIssuer(publicUrl), 'dpop.publicUrl must be https, or http on loopback')
  check(typeof required === 'boolean', 'dpop.required must be true or false')
  check(
    nonceSecret === null || (isText(nonceSecret) && nonceSecret.length >= 32),
    'dpop.nonceSecret must be 32 characters or more',
  )
  const place = places.filter(isText).find(isIssuer)
  const found = publicUrl ?? (place === undefined ? null : new URL(place).origin)
  check(found !== null || given === undefined, 'dpop.publicUrl must be given')
  if (found === null) return null
  return {
    public_url: found.replace(/\/$/, ''),
    isOffered: given !== undefined,
    isRequired: required,
    nonce_secret: nonceSecret,
    memory_size: Math.max(1, within('dpop.memorySize', memorySize, 10_000_000)),
  }
}

const check = (isSound: boolean, fault: string) => {
  if (!isSound) throw new TypeError(`createVerifier: ${fault}`)
}

const within = (name: string, value: number, most: number): number => {
  check(typeof value === 'number' && value >= 0 && value <= most, `${name} must be from 0 to ${most}`)
  return value
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** RFC 8414 §2 */
const isIssuer = (issuer: unknown): boolean =>
  isText(issuer) && isTrustworthyUrl(issuer) && !issuer.includes('?') && !issuer.includes('#')

/**
 * Ours – Calls a function of the service that is told of something, and waits for nothing. One that throws must not make the library fail; the
 * rejection of one that is async would end the process.
 */
export const quietly =
  <T>(tell: ((value: T) => unknown) | undefined) =>
  (value: T): void => {
    try {
      Promise.resolve(tell?.(value)).catch(() => {})
    } catch {}
  }
