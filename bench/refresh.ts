import { besideBareSignature } from './support/bare-signature.ts'
import type { Answer } from './support/connection.ts'
import { type Caller, drive, times } from './support/load.ts'
import { measureProcessor } from './support/processor.ts'
import type { Bench, Row } from './support/report.ts'
import { countStatements, forgetStatements } from './support/statement-counts.ts'
import { median } from './support/statistics.ts'
import { FORM, type Store, type World } from './support/world.ts'

const ROUNDS = 9
const SECONDS = 3
const CONNECTIONS = 16

/** Refreshes through the whole server, each connection going round its own share of the families. */
export const refreshCallers = ({ tokens }: Store): readonly Caller[] => refreshCallersOf(tokens)

/** The same for other tokens; with the id of a public client where one is given. */
export const refreshCallersOf = (
  tokens: string[],
  { client_id }: Readonly<{ client_id?: string }> = {},
): readonly Caller[] =>
  times(CONNECTIONS, index => {
    let turn = index
    const { Authorization, ...plain } = FORM
    const headers = client_id === undefined ? { ...plain, Authorization } : plain
    const named = client_id === undefined ? '' : `&client_id=${encodeURIComponent(client_id)}`
    return {
      next: () => ({
        path: '/token',
        headers,
        body: `grant_type=refresh_token&refresh_token=${tokens[turn]}${named}`,
      }),
      take: ({ body }: Answer) => {
        tokens[turn] = JSON.parse(body).refresh_token
        turn = turn + CONNECTIONS < tokens.length ? turn + CONNECTIONS : index
      },
    }
  })

const measure = async (world: World, families: number): Promise<readonly Row[]> => {
  const store = await world.store(families)
  const server = await world.startSignet(store)
  const callers = refreshCallers(store)
  const load = (seconds: number) => drive({ port: server.port, seconds, callers })
  await load(SECONDS)
  await forgetStatements(store.sql)
  const before = await readCounters(store)
  const rounds = await besideBareSignature(ROUNDS, async () => {
    const pids = [server.pid, world.postgres_pid]
    const { result, milliseconds } = await measureProcessor(pids, () => load(SECONDS))
    const [ours = 0, postgres = 0] = milliseconds.map(total => total / result.requests)
    return { server: ours, postgres, load: result }
  })
  await server.stop()
  const after = await readCounters(store)
  const statements = await countStatements(store.sql)
  const refreshes = rounds.reduce((sum, { load }) => sum + load.requests, 0)
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick))
  return [
    { what: 'bare RSA-2048 signature, processor', seen: of(({ bare }) => bare), unit: 'ms' },
    { what: 'server, processor a refresh', seen: of(({ server }) => server), unit: 'ms' },
    { what: 'Postgres, processor a refresh', seen: of(({ postgres }) => postgres), unit: 'ms' },
    { what: 'server / bare signature', seen: of(({ server, bare }) => server / bare), goal: { most: 1.8 } },
    {
      what: 'server and Postgres / bare signature',
      seen: of(({ server, postgres, bare }) => (server + postgres) / bare),
      goal: { most: 2.2 },
    },
    { what: 'refreshes a second', seen: of(({ load }) => load.per_second), unit: '/s' },
    { what: 'p50', seen: of(({ load }) => load.p50), unit: 'ms' },
    { what: 'p99', seen: of(({ load }) => load.p99), unit: 'ms' },
    { what: 'statements a refresh', seen: statements / refreshes, goal: { most: 1.01 } },
    {
      what: 'heap-only updates',
      seen: (100 * (after.hot - before.hot)) / (after.updates - before.updates),
      unit: '%',
      goal: { least: 95 },
    },
    { what: 'WAL a refresh', seen: (after.wal - before.wal) / refreshes / 1024, unit: 'kB' },
    {
      what: 'growth a refresh, table and indexes',
      seen: (after.bytes - before.bytes) / refreshes,
      unit: 'B',
    },
  ]
}

type Counters = Readonly<{ hot: number; updates: number; wal: number; bytes: number }>

const readCounters = async ({ sql }: Store): Promise<Counters> => {
  const [row] = await sql<Counters[]>`
    select
      pg_stat_get_tuples_hot_updated('refresh_families'::regclass)::float8 as hot,
      pg_stat_get_tuples_updated('refresh_families'::regclass)::float8 as updates,
      pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal,
      pg_total_relation_size('refresh_families')::float8 as bytes`
  if (row === undefined) throw new Error('Postgres counts nothing')
  return row
}

export const benchRefresh: Bench = world => measure(world, 10_000)
export const benchRefreshMillion: Bench = world => measure(world, 1_000_000)
