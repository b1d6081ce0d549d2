import { CLOCK_TOLERANCE_MAX_SECONDS, CLOCK_TOLERANCE_SECONDS } from '../../domain/base/clock-tolerance.ts'
import { type Elapsed, elapsedBy } from '../verify/elapsed.ts'
import { type OptionNames, requireFunctions, requireKnownOptions } from '../verify/known-options.ts'
import { quietly } from '../verify/options.ts'
import { type Fetch, isTrustworthyUrl } from '../verify/remote-json.ts'

export type FollowOptions = Readonly<{
  /** The issuer, exactly as its tokens spell it. https, or http on loopback. */
  issuer: string
  /** The URL of the feed, such as that of a CDN. Default: `/revocations` at the issuer. https, or http on loopback. */
  url?: string
  /** The URL of the issuer's keys. Default: discovered (RFC 8414). https, or http on loopback. */
  jwks_uri?: string
  /** Seconds after which the last answer no longer counts as current. 5–3600, default 30. */
  maxStaleSeconds?: number
  /** Seconds by which the issuer's clock may differ. 0–300, default 5. */
  clockToleranceSeconds?: number
  /**
   * The most entries that are kept; a million takes 32 MB. A full set leaves single tokens out, and refuses an answer whose other entries
   * do not fit. 1–20000000, default 2000000.
   */
  maxEntries?: number
  /** Called for each answer that was refused or did not come, and when single tokens begin to be left out: for the log. */
  onFault?: (fault: Error) => void
  /** Default: the runtime's. */
  fetch?: Fetch
  /** Milliseconds since 1970. Default: Date.now. */
  now?: () => number
}>

const OPTIONS: OptionNames<FollowOptions> = {
  issuer: true,
  url: true,
  jwks_uri: true,
  maxStaleSeconds: true,
  clockToleranceSeconds: true,
  maxEntries: true,
  onFault: true,
  fetch: true,
  now: true,
}

/** Every option checked and every default filled in. Times in seconds. */
export type FollowSettings = Readonly<{
  issuer: string
  url: string
  jwks_uri: string | null
  max_stale_seconds: number
  clock_tolerance_seconds: number
  max_entries: number
  onFault: (fault: Error) => void
  fetch: Fetch
  /** Since 1970. */
  now: () => number
  elapsed: Elapsed
}>

/** Throws a TypeError for a fault in the options: a service with such a fault should not start. */
export const parseFollowOptions = (options: FollowOptions): FollowSettings => {
  requireKnownOptions('followRevocations', options, OPTIONS)
  const { issuer, onFault, fetch } = options
  requireFunctions('followRevocations', { onFault, fetch, now: options.now })
  const now = options.now ?? Date.now
  return {
    issuer: url('issuer', issuer),
    url: url('url', options.url ?? new URL('/revocations', url('issuer', issuer)).href),
    jwks_uri: options.jwks_uri === undefined ? null : url('jwks_uri', options.jwks_uri),
    max_stale_seconds: within('maxStaleSeconds', options.maxStaleSeconds ?? 30, 5, 3600),
    clock_tolerance_seconds: within(
      'clockToleranceSeconds',
      options.clockToleranceSeconds ?? CLOCK_TOLERANCE_SECONDS,
      0,
      CLOCK_TOLERANCE_MAX_SECONDS,
    ),
    max_entries: within('maxEntries', options.maxEntries ?? 2_000_000, 1, 20_000_000),
    onFault: quietly(onFault),
    fetch: fetch ?? ((address, init) => globalThis.fetch(address, init)),
    now: () => now() / 1000,
    elapsed: elapsedBy(options.now),
  }
}

const check = (isSound: boolean, fault: string) => {
  if (!isSound) throw new TypeError(`followRevocations: ${fault}`)
}

const url = (name: string, value: unknown): string => {
  if (typeof value === 'string' && isTrustworthyUrl(value) && !/[?#]/.test(value)) return value
  throw new TypeError(`followRevocations: ${name} must be an https URL without query, or http on loopback`)
}

const within = (name: string, value: number, least: number, most: number): number => {
  check(
    typeof value === 'number' && value >= least && value <= most,
    `${name} must be from ${least} to ${most}`,
  )
  return value
}
