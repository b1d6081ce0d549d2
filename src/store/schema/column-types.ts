import { customType, timestamp } from 'drizzle-orm/pg-core'

/** Column types that drizzle lacks, or has with other defaults. */

export const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })

/** PostgreSQL 13+ – A transaction's number that never wraps around. */
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })

export const instant = () => timestamp({ withTimezone: true, mode: 'date' })
