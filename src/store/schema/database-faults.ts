import { errorCodeOf } from '../../domain/base/error-code.ts'
import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { type Database, type DatabasePlace, findSettingFaults, isOutage } from '../postgres/index.ts'
import { citusFault, readCitusState } from './distribution.ts'
import { readApplied } from './history.ts'
import { AHEAD, judgeNewer, type Migration, readMigrations } from './migrations.ts'
import { describeOutage } from './outage-causes.ts'
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

/**
 * The lines with which a server refuses to start. A worker of Citus and a missing migration come first and alone, because the right database
 * and a migration may remedy the rest.
 */
export const findDatabaseFaults = async (
  database: Pick<Database, 'run'>,
  schema: string,
): Promise<readonly string[]> => {
  const citus = await database.run(sql => readCitusState(sql, schema))
  const fault =
    (citus?.role === 'worker' ? citusFault(citus) : null) ??
    schemaFault(await schemaState(database, readMigrations(), schema)) ??
    citusFault(citus)
  if (fault !== null) return [fault]
  return [...(await findSettingFaults(database)), ...(await findGrantFaults(database, schema))]
}

/** The line with which a server refuses to start; null when it may. */
export const schemaFault = (schema: SchemaState): string | null => {
  if (schema.state === 'current' || schema.state === 'newer') return null
  if (schema.state === 'behind') return `the database lacks ${schema.missing.join(', ')}: run signetd migrate`
  return AHEAD
}

/** A StartFault of one line for a fault that the operator can remedy, with its cause and what to do; any other error as it is. */
export const faultOf = async (error: unknown, place: DatabasePlace): Promise<unknown> => {
  if (error instanceof StartFault) return error
  if (error instanceof Unavailable) return faultOf(outageOf(error), place)
  const code = errorCodeOf(error) ?? ''
  const detail = oneLine(error instanceof Error ? error.message : code)
  if (isOutage(code) || OF_TLS.test(code)) {
    const cause = await describeOutage(error, place)
    return new StartFault([`DATABASE_URL: the database cannot be reached (${detail}): ${cause}`], error)
  }
  if (code === '55P03')
    return new StartFault(['the tables are busy, and nothing was changed: run it again'], error)
  const [, advice] = REFUSALS.find(([codes]) => codes.test(code)) ?? []
  return advice === undefined
    ? error
    : new StartFault([`DATABASE_URL: the database refuses: ${detail}; ${advice}`], error)
}

/** The driver's own error; where a caller waited in vain, one that says so. */
const outageOf = ({ cause }: Unavailable): Error =>
  cause instanceof Error
    ? cause
    : Object.assign(new Error(typeof cause === 'string' ? cause : 'no answer in time'), {
        code: 'CONNECT_TIMEOUT',
      })

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Codes of OpenSSL and of Node's TLS, and the driver's code for a server that cannot prove to know the password. */
const OF_TLS = /CERT|SSL|TLS|^EPROTO$|^UNABLE_TO_|^SASL_|SELF_SIGNED/

/** SQLSTATE: who signs in, to which database, with which parameters, and what they may do; and what the operator can do. */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/^28P01$/, 'correct the user and the password'],
  [
    /^28/,
    'allow this user from this machine in pg_hba.conf, with TLS where the entry asks for it (sslmode=require)',
  ],
  [/^3D/, 'create the database, or correct its name'],
  [/^42501$/, 'grant the right to the user, as docs/deploy.md has it'],
  [/^42704$|^22023$|^0A000$/, 'remove the parameter that is named, or correct it'],
  [/^42P0[67]$/, 'see that no other application uses this schema'],
]
