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

/** Where the schema stands for this version. A server starts on `current`, and on what a newer version has made compatible. */
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

/** The lines with which a server refuses to start. What the schema lacks comes first: the rest may be its migration's to mend. */
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

/** What an operator can do something about is one line. */
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

/** The codes of OpenSSL and of Node's TLS, and what the driver says of a password that the server cannot prove to know. */
const OF_TLS = /CERT|SSL|TLS|^EPROTO$|^UNABLE_TO_|^SASL_|SELF_SIGNED/

/** SQLSTATE: who signs in, to which database, with which parameters, and what they may do. */
const REFUSALS = /^(?:28|3D|42501|42704|42P0[67]|22023|0A000)/
