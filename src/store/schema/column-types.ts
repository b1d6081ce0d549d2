import { customType, jsonb, timestamp } from 'drizzle-orm/pg-core'
import type { ExtraClaims } from '../../domain/sign-in/extra-claims.ts'

/** Column types that drizzle lacks, or has with other defaults. */

export const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })

/** PostgreSQL 13+ – A transaction's number that never wraps around. */
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })

/** What a claims hook has added to a sign-in; null for none. */
export const extraClaims = () => jsonb().$type<ExtraClaims>()

export const instant = () => timestamp({ withTimezone: true, mode: 'date' })
