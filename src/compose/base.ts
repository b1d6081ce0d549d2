import { audiencePolicyOf, type Config } from '../config.ts'
import type { AskHook } from '../domain/outbound/hook.ts'
import type { SessionLifetimes } from '../domain/sign-in/browser-session.ts'
import { type AskClaims, asksNoClaims } from '../domain/sign-in/claims-hook.ts'
import type { Lifetimes } from '../domain/sign-in/refresh-family.ts'
import { createLimits } from '../ephemeral/limits.ts'
import { createJudgeSender } from '../flows/access/require-sender.ts'
import { createSecretUses } from '../flows/clients/secret-uses.ts'
import { createAskHook } from '../flows/outbound/ask-hook.ts'
import { createAskClaims } from '../flows/sign-in/ask-claims.ts'
import { createJudgeProof } from '../grants/dpop.ts'
import { createProofNonces } from '../grants/dpop-nonce.ts'
import { systemRandom } from '../platform/random.ts'
import type { Clock, Log, Metrics, Wait } from '../ports/effects.ts'
import type { ActivityCounts, SignInRefusals } from '../ports/events.ts'
import { createHeartbeat } from '../store/heartbeat.ts'
import { composeClients } from './clients.ts'
import type { OpenParts } from './open.ts'
import { composeStores } from './stores.ts'

/** What is written about requests beside them. */
type Recorded = Readonly<{ activity: ActivityCounts; refusals: SignInRefusals }>
type Effects = Readonly<{ clock: Clock; log: Log; wait: Wait; events: Recorded }>

/** The parts that every composer gets: open connections, stores, and the rules of the configuration that several subjects share. */
export const composeBase = (
  config: Config,
  opened: OpenParts,
  { clock: ownClock, log, wait, events }: Effects,
) => {
  const { database, keys, metrics, outbound, passwords, peppers, redis, scopes } = opened
  const heartbeat = createHeartbeat({ database, holder: systemRandom.uuid(), clock: ownClock, log })
  const { clock } = heartbeat
  const lifetimes: Lifetimes = {
    access_token_seconds: config.ACCESS_TOKEN_TTL_SECONDS,
    idle_seconds: config.REFRESH_TOKEN_IDLE_SECONDS,
    max_seconds: config.REFRESH_TOKEN_MAX_SECONDS,
  }
  const session_lifetimes: SessionLifetimes = {
    idle_seconds: config.SESSION_IDLE_SECONDS,
    max_seconds: config.SESSION_MAX_SECONDS,
  }
  const limits = createLimits({ redis, metrics })
  const stores = composeStores({ database, redis, lifetimes, session_lifetimes, clock, metrics })
  const secretUses = createSecretUses({ ...stores, clock, log })
  const proofNonces = config.DPOP_NONCE === 'on' ? createProofNonces(peppers) : null
  const judgeProof = createJudgeProof({ ...stores, clock, issuer: config.ISSUER, proofNonces })
  const askHook = createAskHook({ issuer: config.ISSUER, keys, outbound, clock, random: systemRandom })
  return {
    ...stores,
    ...events,
    assertionIssuers: opened.assertionIssuers,
    askHook,
    askClaims: composeAskClaims(config, { askHook, metrics, clock, log }),
    ...composeClients(config, { opened, endings: stores.endings, limits, clock, log }),
    clock,
    heartbeat,
    issuer: config.ISSUER,
    judgeProof,
    judgeSender: createJudgeSender(judgeProof),
    keys,
    limits,
    log,
    metrics,
    outbound,
    passwords,
    peppers,
    policy: audiencePolicyOf(config),
    proofNonces,
    random: systemRandom,
    redis,
    refresh_token_version: config.REFRESH_TOKEN_VERSION,
    scopes,
    secretUses,
    second_factor_roles: config.SECOND_FACTOR_ROLES,
    wait,
  }
}

type Asking = Pick<Effects, 'clock' | 'log'> & Readonly<{ askHook: AskHook; metrics: Metrics }>

const composeAskClaims = (config: Config, parts: Asking): AskClaims => {
  const { CLAIMS_HOOK_URL: url, CLAIMS_HOOK_ON_FAILURE: on_failure } = config
  if (url === null) return asksNoClaims
  const hook = { url, on_failure, cache_seconds: config.CLAIMS_HOOK_CACHE_SECONDS }
  return createAskClaims({ ...parts, hook, second_factor_roles: config.SECOND_FACTOR_ROLES })
}

export type Base = ReturnType<typeof composeBase>
