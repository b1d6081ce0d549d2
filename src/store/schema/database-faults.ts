import { errorCodeOf } from '../../domain/base/error-code.ts'
import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { type Database, findSettingFaults, isOutage, isRefusedByPooler } from '../postgres/index.ts'
import { readApplied } from './history.ts'
import { AHEAD, judgeNewer, type Migration, readMigrations } from './migrations.ts'
import { findGrantFaults } from './privileges.ts'

export type SchemaState = Readonly<
  { state: 'current' | 'newer' | 'unknown' } | { state: 'behind'; missing: readonly string[] }
>

/** The state of the schema. A server starts on `current`, and on `newer`, a schema that a newer version has declared compatible. */
export const schemaState = async (
  database: Pick<Database, 'run'>,
  known: readonly Migration[] = readMigrations(),
  schema = DEFAULT_SCHEMA,
): Promise<SchemaState> => {
  const applied = await database.run(sql => readApplied(sql, schema))
  const newer = judgeNewer(known, applied)
  if (newer !== 'none') return { state: newer === 'compatible' ? 'newer' : 'unknown' }
  const missing = known.filter(({ when }) => !applied.has(when)).map(({ name }) => name)
  return missing.length === 0 ? { state: 'current' } : { state: 'behind', missing }
}

/** The lines with which a server refuses to start. A missing migration comes first and alone, because it may remedy the rest. */
export const findDatabaseFaults = async (
  database: Pick<Database, 'run'>,
  schema: string,
): Promise<readonly string[]> => {
  const fault = schemaFault(await schemaState(database, readMigrations(), schema))
  if (fault !== null) return [fault]
  return [...(await findSettingFaults(database)), ...(await findGrantFaults(database, schema))]
}

/** The line with which a server refuses to start; null when it may. */
export const schemaFault = (schema: SchemaState): string | null => {
  if (schema.state === 'current' || schema.state === 'newer') return null
  if (schema.state === 'behind') return `the database lacks ${schema.missing.join(', ')}: run signetd migrate`
  return AHEAD
}

/** An error that an operator can remedy as a StartFault of one line; others unchanged. */
export const faultOf = (error: unknown): unknown => {
  const code = errorCodeOf(error) ?? ''
  const detail = oneLine(error instanceof Error ? error.message : code)
  if (error instanceof StartFault) return error
  if (error instanceof Unavailable && isRefusedByPooler(error.cause)) return faultOf(error.cause)
  if (isOutage(code) || OF_TLS.test(code)) {
    return new StartFault([`DATABASE_URL: the database cannot be reached (${detail})`], error)
  }
  if (code === '55P03')
    return new StartFault(['the tables are busy, and nothing was changed: run it again'], error)
  if (REFUSALS.test(code)) return new StartFault([`DATABASE_URL: the database refuses: ${detail}`], error)
  return error
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Codes of OpenSSL and of Node's TLS, and the driver's code for a server that cannot prove to know the password. */
const OF_TLS = /CERT|SSL|TLS|^EPROTO$|^UNABLE_TO_|^SASL_|SELF_SIGNED/

/** SQLSTATEs of refused roles, databases, parameters and privileges. */
const REFUSALS = /^(?:28|3D|42501|42704|42P0[67]|22023|0A000)/
