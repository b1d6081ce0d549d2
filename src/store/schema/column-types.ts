import { customType, timestamp } from 'drizzle-orm/pg-core'

/** The types of columns that drizzle does not have, or not so. */

export const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })

/** PostgreSQL 13+ – A transaction's number that never wraps around. */
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })

export const instant = () => timestamp({ withTimezone: true, mode: 'date' })
