import { readFileSync } from 'node:fs'
import { errorCodeOf } from './domain/base/error-code.ts'
import { isLoopback } from './domain/base/ip-address.ts'
import type { AudiencePolicy } from './domain/oauth/audience.ts'
import { LONG_GRACE_SECONDS } from './domain/oauth/client.ts'
import type { ClientPolicy } from './domain/oauth/parse-clients.ts'
import { ADMIN_SCOPE } from './domain/oauth/scope.ts'
import { redisPrefixOf } from './domain/revocations/blocklist-key.ts'
import type { RateLimit } from './ports/limits.ts'
import { type Name, SETTINGS, type Settings } from './settings/index.ts'
import { judgeTogether } from './settings/judge-together.ts'
import { ENDINGS_FACTOR } from './settings/limits.ts'
import type { Setting } from './settings/setting.ts'

export { traceOptionsOf } from './settings/trace-options.ts'

/** Every setting, parsed and frozen. The peppers are null where they are still to be generated. */
export type Config = Omit<Settings, keyof Derived> & Derived

/** The settings that follow from others where they are unset. */
type Derived = Readonly<{
  ISSUER: string
  DEFAULT_AUDIENCE: string
  /** Null: this server has no internal listener, and no console of its own. */
  CONSOLE_URL: string | null
  RATE_LIMIT_REGISTER: RateLimit
  RATE_LIMIT_REFRESH: RateLimit
  RATE_LIMIT_PASSWORD: RateLimit
  RATE_LIMIT_MAIL: RateLimit
  REDIS_PREFIX: string
  SECOND_FACTOR_ROLES: readonly string[]
  DYNAMIC_CLIENT_GRACE_SECONDS: number
  DRAIN_SECONDS: number
}>

type DerivedLimit = Extract<keyof Derived, `RATE_LIMIT_${string}`>

type Environment = Readonly<Record<string, string | undefined>>
type Reading = Readonly<{ config: Config } | { faults: readonly string[] }>

/** Reads every setting, and reports every fault at once, a line each. Opens no file but those of NAME_FILE variables. */
export const readConfig = (environment: Environment): Reading => {
  const { values, faults } = readValues(Object.keys(SETTINGS), environment)
  // The schema of each setting has parsed its value.
  const settings = values as Settings
  faults.push(...judgeTogether(settings))
  if (faults.length > 0) return { faults }
  return { config: Object.freeze({ ...settings, ...derive(settings) }) }
}

const derive = (settings: Settings): Derived => {
  const limitOf = (name: DerivedLimit): RateLimit => {
    const own = settings[name]
    const { of, times: factor } = SETTINGS[name].follows
    return own === undefined ? times(factor, settings[of]) : own
  }
  const { issuer, default_audience } = audiencePolicyOf(settings)
  return {
    ISSUER: issuer,
    DEFAULT_AUDIENCE: default_audience,
    CONSOLE_URL: settings.CONSOLE_URL ?? internalOriginOf(settings),
    RATE_LIMIT_REGISTER: limitOf('RATE_LIMIT_REGISTER'),
    RATE_LIMIT_REFRESH: limitOf('RATE_LIMIT_REFRESH'),
    RATE_LIMIT_PASSWORD: limitOf('RATE_LIMIT_PASSWORD'),
    RATE_LIMIT_MAIL: limitOf('RATE_LIMIT_MAIL'),
    SECOND_FACTOR_ROLES: secondFactorRolesOf(settings),
    REDIS_PREFIX: redisPrefixIn(settings),
    DYNAMIC_CLIENT_GRACE_SECONDS:
      settings.DYNAMIC_CLIENT_GRACE_SECONDS ??
      Math.min(settings.ACCESS_TOKEN_TTL_SECONDS + AGENT_SLACK_SECONDS, LONG_GRACE_SECONDS),
    DRAIN_SECONDS: settings.DRAIN_SECONDS ?? (settings.DATABASE_URL === null ? 0 : DRAIN_SECONDS),
  }
}

/** The origin of the internal listener, for a browser on this machine. An address that means every network is no origin. */
const internalOriginOf = ({
  INTERNAL_HOST,
  INTERNAL_PORT,
}: Pick<Settings, 'INTERNAL_HOST' | 'INTERNAL_PORT'>): string | null => {
  if (INTERNAL_PORT === null) return null
  if (!isLoopback(INTERNAL_HOST)) return `http://localhost:${INTERNAL_PORT}`
  const host = INTERNAL_HOST.includes(':') ? `[${INTERNAL_HOST}]` : INTERNAL_HOST
  return new URL(`http://${host}:${INTERNAL_PORT}`).origin
}

/** Ours: a developer on the embedded database administers without a second factor; a password alone administers nothing elsewhere. */
const secondFactorRolesOf = ({
  SECOND_FACTOR_ROLES: roles,
  DATABASE_URL,
}: Pick<Settings, 'SECOND_FACTOR_ROLES' | 'DATABASE_URL'>): readonly string[] => {
  if (roles === 'none') return []
  return roles ?? (DATABASE_URL === null ? [] : [ADMIN_SCOPE])
}

/** A process of an agent refreshes when its access token expires, or at its next request after that. */
const AGENT_SLACK_SECONDS = 900

/** A proxy that asks `/readyz` every two seconds has learnt by then that this instance stops. On the embedded database there is no other one. */
const DRAIN_SECONDS = 5

/** The settings that decide on the audiences of tokens. A command may have read these settings alone. */
export const audiencePolicyOf = ({
  ISSUER,
  DEFAULT_AUDIENCE,
  PORT,
}: Pick<Settings, 'ISSUER' | 'DEFAULT_AUDIENCE' | 'PORT'>): AudiencePolicy => {
  const issuer = ISSUER ?? `http://localhost:${PORT}`
  return { issuer, default_audience: DEFAULT_AUDIENCE ?? issuer }
}

/** The settings that decide on the keys in Redis. A command may have read these settings alone. */
export const redisPrefixIn = (
  settings: Parameters<typeof audiencePolicyOf>[0] & Pick<Settings, 'REDIS_PREFIX'>,
): string => settings.REDIS_PREFIX ?? redisPrefixOf(audiencePolicyOf(settings).issuer)

/** The settings that decide on registrations. A command may have read these settings alone. */
export const clientPolicyOf = (
  settings: Parameters<typeof audiencePolicyOf>[0] & Pick<Settings, 'OUTBOUND_ALLOW'>,
): ClientPolicy => ({ ...audiencePolicyOf(settings), outbound_allow: settings.OUTBOUND_ALLOW })

/** The limit of one sign-in for endings of other sign-ins. */
export const endingLimitOf = ({ RATE_LIMIT_PASSWORD }: Pick<Config, 'RATE_LIMIT_PASSWORD'>): RateLimit =>
  times(ENDINGS_FACTOR, RATE_LIMIT_PASSWORD)

const times = (factor: number, limit: RateLimit): RateLimit =>
  limit && { ...limit, count: Math.ceil(limit.count * factor) }

/** How many sign-ins one address may try, and the setting that raises the limit where it is lower than an office needs. */
export const describeSignInLimit = ({
  RATE_LIMIT_LOGIN: limit,
}: Pick<Config, 'RATE_LIMIT_LOGIN'>): string => {
  if (limit === null)
    return 'sign-ins are not limited by address, for RATE_LIMIT_LOGIN is off; set it to count/seconds such as 5/60'
  const { count, window_seconds } = limit
  const advice =
    count / window_seconds < OFFICE_SIGN_INS / 60
      ? `; for an office behind one address raise it, such as RATE_LIMIT_LOGIN=${OFFICE_SIGN_INS}/60`
      : ''
  return `${count} sign-ins in ${window_seconds} seconds for one address${advice}`
}

/** Sign-ins a minute that many people behind one address need. */
const OFFICE_SIGN_INS = 100

/** Signet ends no TLS: with an https issuer a proxy is in front, and its clients share one address until it is named. Null: no doubt. */
export const findProxyDoubt = ({
  ISSUER,
  TRUSTED_PROXIES,
}: Pick<Config, 'ISSUER' | 'TRUSTED_PROXIES'>): string | null =>
  TRUSTED_PROXIES.length === 0 && ISSUER.startsWith('https:')
    ? 'TRUSTED_PROXIES is unset, and ISSUER is https: all clients behind the proxy that ends TLS count and are logged as one address, and share one limit of sign-ins; set TRUSTED_PROXIES to the address of the proxy'
    : null

/** Reads some settings alone, so that a command needs no others: a migration job is not handed the pepper. */
export const readSettings = <N extends Name>(
  names: readonly N[],
  environment: Environment,
): Readonly<{ settings: Pick<Settings, N> } | { faults: readonly string[] }> => {
  const { values, faults } = readValues(names, environment)
  return faults.length > 0 ? { faults } : { settings: values as Pick<Settings, N> }
}

const readValues = (names: readonly string[], environment: Environment) => {
  const faults: string[] = []
  const values: Record<string, unknown> = {}
  if (names.includes('DATABASE_URL')) faults.push(...judgeEnvironment(environment))
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    if (!names.includes(name)) continue
    const given = valueOf(name, setting, environment)
    const parsed = 'fault' in given ? given : parse(name, setting, given.value)
    if ('fault' in parsed) faults.push(parsed.fault)
    else values[name] = parsed.value
  }
  return { values, faults }
}

type Given = Readonly<{ value: unknown } | { fault: string }>

const parse = (name: string, setting: Setting<unknown>, value: string | undefined): Given => {
  const result = setting.schema.safeParse(value)
  return result.success ? { value: result.data } : { fault: `${name} ${result.error.issues[0]?.message}` }
}

/** An empty variable counts as unset: compose files cannot leave one out. */
const valueOf = (
  name: string,
  setting: Setting<unknown>,
  environment: Environment,
): { value: string | undefined } | { fault: string } => {
  const value = environment[name] === '' ? undefined : environment[name]
  const path = setting.isSecret ? environment[`${name}_FILE`] : undefined
  if (path === undefined || path === '') return { value }
  if (value !== undefined) return { fault: `${name} and ${name}_FILE are both set: unset one of them` }
  try {
    return { value: readFileSync(path, 'utf8').trim() }
  } catch (error) {
    return {
      fault: `${name}_FILE ${path} cannot be read (${errorCodeOf(error)}): name a file that this user can read`,
    }
  }
}

/** Judges the variables that the driver reads for parts that DATABASE_URL leaves out. */
const judgeEnvironment = ({ PGTARGETSESSIONATTRS, PGPORT }: Environment): readonly string[] => [
  ...(PGTARGETSESSIONATTRS
    ? ['PGTARGETSESSIONATTRS must be unset: Signet itself leaves a standby for the next host']
    : []),
  ...(PGPORT && !/^[1-9]\d{0,4}$/.test(PGPORT) ? ['PGPORT must be a port from 1 to 65535'] : []),
]

/** The audiences of clients that no operator has registered. */
export const registrationAudiencesOf = ({
  REGISTRATION_AUDIENCES,
  DEFAULT_AUDIENCE,
  ISSUER,
}: Pick<Config, 'REGISTRATION_AUDIENCES' | 'DEFAULT_AUDIENCE' | 'ISSUER'>): readonly string[] =>
  REGISTRATION_AUDIENCES ?? (DEFAULT_AUDIENCE === ISSUER ? [] : [DEFAULT_AUDIENCE])
