import type { RevocationKind } from './revocation.ts'

/** Ours – The prefix of a deployment's keys in Redis when REDIS_PREFIX is unset: several deployments may share one Redis. */
export const redisPrefixOf = (issuer: string): string => `signet:${issuer}:`

/**
 * Redis, "Cluster specification" – The part between braces alone chooses the slot of a key: all keys of a deployment are in one slot of a
 * cluster, so that no command and no script spans slots.
 */
export const clusterPrefixOf = (prefix: string): string => `{${prefix}}`

/** Ours – The key of a revocation in Redis, without the prefix. Its value is the last second whose tokens are ended. */
export const blocklistKey = (kind: RevocationKind, value: string): string => `revoked:${kind}:${value}`

/** The key that says that Redis has every revocation of Postgres. It expires within seconds, and an emptied Redis loses it too. */
export const BLOCKLIST_COMPLETE = 'revoked:complete'
