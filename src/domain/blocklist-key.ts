import type { RevocationKind } from './revocation.ts'

/** Ours – Where the shared Redis says that something was ended. The value is the last second whose tokens it ends. */
export const blocklistKey = (kind: RevocationKind, value: string): string => `signet:revoked:${kind}:${value}`

/** There for some seconds after everything that Postgres knows was in Redis. Gone with what an emptied Redis loses. */
export const BLOCKLIST_COMPLETE = 'signet:revoked:complete'
