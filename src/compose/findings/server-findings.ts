import type { Config } from '../../config.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { RedisConnection } from '../../ephemeral/redis.ts'
import type { IgnoredHeader } from '../../http/server/client-address.ts'
import type { Clock } from '../../ports/effects.ts'
import { findUnbuiltIndexes } from '../../store/migrations/build-indexes.ts'
import { readEventPreparation } from '../../store/partitions/event-months.ts'
import { type Database, readCapacity } from '../../store/postgres/index.ts'
import { findDatabaseFaults } from '../../store/schema/database-faults.ts'
import { readMigrations } from '../../store/schema/migrations.ts'
import { examineNodes } from './cluster.ts'
import { examineFiles } from './examine-files.ts'
import { examineHooks } from './examine-hooks.ts'
import { type Finding, type Found, OK, presentFinding } from './finding.ts'
import {
  examineKeysDirectory,
  examineMail,
  examineProxies,
  judgeCapacity,
  judgeEventMonths,
} from './services.ts'

type Needs = Readonly<{
  database: Database
  redis: RedisConnection | null
  clock: Clock
  /** The forwarded headers that requests came with and that were not believed. */
  ignoredHeaders: () => readonly IgnoredHeader[]
}>

/**
 * Ours – What the doctor checks and a running server can check of itself, with its own connections. It opens a connection to the mail server
 * and to each hook, sends nothing over it, and changes nothing. What stands in front of the server is seen by `signetd doctor` alone.
 */
export const createServerFindings =
  (config: Config, needs: Needs) => async (): Promise<readonly Finding[]> => {
    const checks: Readonly<Record<string, () => Promise<Found | readonly Found[]>>> = {
      database: () => examineDatabase(config, needs),
      migrations: () => examineSchema(config, needs),
      events: () => asking(async () => judgeEventMonths(await readEventPreparation(needs.database))),
      redis: async () => examineRedis(needs),
      keys: () => examineKeysDirectory(config),
      ...examineFiles(config),
      mail: () => examineMail(config),
      ...examineHooks(config),
      proxies: async () => examineForwarding(config, needs),
    }
    const findings = Object.entries(checks).map(async ([check, look]) =>
      [await look()].flat().map(found => presentFinding(check, found)),
    )
    return (await Promise.all(findings)).flat()
  }

/** A check that the database does not answer is a finding, and no failure of the others. */
const asking = async <T>(work: () => Promise<T>): Promise<T | Found> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Unavailable) return { fault: 'the database does not answer', advice: AWAY }
    throw error
  }
}

const AWAY = 'run signetd doctor where the server runs, which tells the cause'

/** The embedded database has one connection and the clock of its server. */
const examineDatabase = (config: Config, { database, clock }: Needs): Promise<Found | readonly Found[]> =>
  asking(async () => {
    const { DATABASE_URL, DATABASE_POOL_SIZE } = config
    if (database.isDistributed()) return examineNodes(config, { database, now: clock })
    if (DATABASE_URL !== null) return judgeCapacity(await readCapacity(database, DATABASE_POOL_SIZE), clock())
    await database.ping()
    return OK
  })

/** A newer version may have migrated the database while this server runs. */
const examineSchema = ({ DATABASE_SCHEMA, DATABASE_URL }: Config, { database }: Needs): Promise<Found> =>
  asking(async () => {
    if (DATABASE_URL === null) return OK
    const faults = await findDatabaseFaults(database, DATABASE_SCHEMA)
    if (faults.length > 0) return { fault: faults.join('; ') }
    const needs = { known: readMigrations(), schema: DATABASE_SCHEMA }
    const unbuilt = await database.run(sql => findUnbuiltIndexes(sql, needs))
    return unbuilt.length === 0 ? OK : unbuiltFinding(unbuilt.map(({ name }) => name))
  })

const unbuiltFinding = (names: readonly string[]): Found => ({
  fault: null,
  isWarning: true,
  note: `these indexes are not built, so that lists are slow: ${names.join(', ')}`,
  advice: 'run signetd migrate, unless it is at work',
})

const examineRedis = ({ redis }: Needs): Found => {
  const fault = redis?.fault() ?? null
  return { fault: fault && `REDIS_URL: ${fault}` }
}

/** What the configuration says, and what requests have shown since the start. */
const examineForwarding = (config: Config, { ignoredHeaders }: Needs): Found => {
  const configured = examineProxies(config)
  const [ignored] = ignoredHeaders()
  if (configured.fault !== null || ignored === undefined) return configured
  return { fault: null, isWarning: true, ...DOUBTS[ignored.reason](ignored.peer) }
}

const DOUBTS = {
  from_no_trusted_proxy: (peer: string) => ({
    note: `a request from ${peer}, which TRUSTED_PROXIES does not hold, had a forwarded header, which was not believed`,
    advice:
      'if the address is your proxy, add it to TRUSTED_PROXIES; otherwise a client has tried to name its own address',
  }),
  not_the_trusted_header: (peer: string) => ({
    note: `the proxy ${peer} passes on a forwarded header that TRUSTED_PROXY_HEADER does not name, and which was not believed`,
    advice: 'have the proxy remove the header, or name it in TRUSTED_PROXY_HEADER',
  }),
} satisfies Record<IgnoredHeader['reason'], (peer: string) => Readonly<{ note: string; advice: string }>>
