import type { RevocationKind } from './revocation.ts'

/** Ours – What the keys of a deployment begin with in Redis where REDIS_PREFIX is unset: several deployments may share one. */
export const redisPrefixOf = (issuer: string): string => `signet:${issuer}:`

/** Ours – Where Redis says, after the prefix, that something was ended. The value is the last second whose tokens it ends. */
export const blocklistKey = (kind: RevocationKind, value: string): string => `revoked:${kind}:${value}`

/** There for some seconds after everything that Postgres knows was in Redis. Gone with what an emptied Redis loses. */
export const BLOCKLIST_COMPLETE = 'revoked:complete'
