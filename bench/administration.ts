import { createHash } from 'node:crypto'
import type { Sql } from 'postgres'
import { freePort } from '../test/support/services/services.ts'
import { openConnection } from './support/connection.ts'
import { fillAccounts, fillEvents } from './support/events.ts'
import { CLIENT_ID, familyId } from './support/families.ts'
import { givePasswords, PASSWORD } from './support/people.ts'
import type { Bench, Row } from './support/report.ts'
import { writeSetting } from './support/server.ts'
import { quantile } from './support/statistics.ts'
import { openVisitor, pathOf, type Visitor } from './support/visitor.ts'
import { CLIENT_SECRET, type World } from './support/world.ts'

/** Families of the store that these accounts are added to: no other benchmark has it. */
const FAMILIES = 12_000
const ACCOUNTS = 1_000_000
const REQUESTS = 200
const PAGE = 1_000

/** An issuer whose port nothing uses: requests go to the server's own. */
const ISSUER = 'http://localhost:1'

/** The lists, with what an administrator filters by. */
const LISTS = [
  '/accounts',
  '/accounts?email_prefix=1',
  '/sign-ins',
  '/sign-ins?client_id=client7',
  '/events',
  '/events?kind=refresh_token.reused',
  '/events?client_id=client7',
  '/events?kind=sign_in.refused&outcome=refused&client_id=client3',
] as const

const uuidOf = (n: number): string =>
  createHash('md5')
    .update(String(n))
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

/** What a line of the log has, of the account with this number. */
const SEARCHES: readonly (readonly [what: string, q: (n: number) => string])[] = [
  ['sub and sid', familyId],
  ['e-mail', n => `${n}@bench.example`],
  ['beginning of an e-mail', n => String(n).slice(0, 4)],
  ['address', n => `192.0.${n % 250}.${n % 249}`],
  ['request id', uuidOf],
  ['jti', n => uuidOf(n - (n % 100))],
  ['client', n => `client${n % 100}`],
  ['nothing', () => 'nothing-of-this-name'],
]

export const benchAdministration: Bench = world => bench(world, 1_000_000)
export const benchAdministrationLarge: Bench = world => bench(world, 10_000_000)

/** Lists, searches and the overview of the console for an administrator of a million accounts. */
const bench = async (world: World, events: number): Promise<readonly Row[]> => {
  const store = await world.store(FAMILIES)
  const { sql } = store
  await fillAccounts(sql, { from: FAMILIES, until: ACCOUNTS })
  await fillEvents(sql, events)
  const internal = await freePort()
  const server = await world.startSignet(store, {
    ISSUER,
    INTERNAL_PORT: String(internal),
    CONSOLE_URL: `http://localhost:${internal}`,
    SECOND_FACTOR_ROLES: 'none',
    // The way to page 1,000 of ten million events takes longer than the usual token lives.
    ACCESS_TOKEN_TTL_SECONDS: '14400',
    CLIENTS_FILE: writeSetting('clients.json', [OPERATOR]),
  })
  const seen_before = await readScans(sql)
  const rows = [
    ...(await measureApi({ public_port: server.port, internal })),
    ...(await measureOverview({ public_port: server.port, internal, sql })),
  ]
  await server.stop()
  // The connections of the server tell of their scans when they end, at the latest.
  const seen_after = await readScans(sql)
  return [
    ...rows,
    {
      what: 'sequential scans of accounts, sign-ins and events',
      seen: seen_after - seen_before,
      goal: { most: 0 },
    },
  ]
}

const OPERATOR = {
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
  grant_types: ['client_credentials'],
  scope: 'signet:viewer',
  audience: ISSUER,
}

type Ports = Readonly<{ public_port: number; internal: number }>

/** Sends GET requests of the administration API, and returns its bodies with the milliseconds of each. */
const openAdministration = async ({ public_port, internal }: Ports) => {
  const issuer = openConnection(public_port)
  const { body } = await issuer.send({
    path: '/token',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      Authorization: `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`,
    },
    body: 'grant_type=client_credentials',
  })
  issuer.close()
  const { access_token } = JSON.parse(body) as { access_token: string }
  const connection = openConnection(internal)
  const ask = async (path: string) => {
    const sent = performance.now()
    const answer = await connection.send({
      method: 'GET',
      path: `/admin${path}`,
      headers: { Authorization: `Bearer ${access_token}` },
    })
    const milliseconds = performance.now() - sent
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body}`)
    const { next = null } = JSON.parse(answer.body) as { next?: string | null }
    return { milliseconds, next }
  }
  return { ask, close: connection.close }
}

type Ask = Awaited<ReturnType<typeof openAdministration>>['ask']

const measureApi = async (ports: Ports): Promise<readonly Row[]> => {
  const { ask, close } = await openAdministration(ports)
  const rows: Row[] = []
  // What every request costs beside its own statements, on this machine at this hour.
  rows.push({ what: 'GET /me: p99', seen: quantile(await timesOf(ask, () => '/me'), 0.99), unit: 'ms' })
  for (const list of LISTS) {
    rows.push(rowOf(`GET ${list}, page 1`, await timesOf(ask, () => list)))
    const after = await cursorOf(ask, list)
    if (after === null) continue
    const far = `${list}${list.includes('?') ? '&' : '?'}after=${encodeURIComponent(after)}`
    rows.push(rowOf(`GET ${list}, page ${PAGE}`, await timesOf(ask, () => far)))
  }
  for (const [what, q] of SEARCHES) {
    const path = (turn: number) => `/find?q=${encodeURIComponent(q(FAMILIES + turn * 4_111))}`
    rows.push(rowOf(`find: ${what}`, await timesOf(ask, path)))
  }
  rows.push(rowOf('GET /activity', await timesOf(ask, () => '/activity')))
  close()
  return rows
}

const rowOf = (what: string, milliseconds: readonly number[]): Row => ({
  what: `${what}: p99`,
  seen: quantile(milliseconds, 0.99),
  unit: 'ms',
  goal: { most: 50 },
})

const timesOf = async (ask: Ask, path: (turn: number) => string): Promise<readonly number[]> => {
  const milliseconds: number[] = []
  for (let turn = 0; turn < REQUESTS; turn++) milliseconds.push((await ask(path(turn))).milliseconds)
  return milliseconds
}

/** The cursor of page 1,000; null for a shorter list. */
const cursorOf = async (ask: Ask, list: string): Promise<string | null> => {
  let after: string | null = null
  for (let page = 1; page < PAGE; page++) {
    const query: string =
      after === null ? '' : `${list.includes('?') ? '&' : '?'}after=${encodeURIComponent(after)}`
    after = (await ask(list + query)).next
    if (after === null) return null
  }
  return after
}

/** The whole page with all that it asks, of an administrator who is signed in. */
const measureOverview = async ({
  public_port,
  internal,
  sql,
}: Ports & { sql: Sql }): Promise<readonly Row[]> => {
  const [email = ''] = await givePasswords(public_port, sql, 1)
  await sql`update users set roles = '{signet:admin}' where email = ${email}`
  const visitor = openVisitor(internal)
  await signInToConsole(visitor, { public_port, internal, email })
  const milliseconds: number[] = []
  for (let turn = 0; turn < REQUESTS; turn++) {
    const sent = performance.now()
    const { status, body } = await openConsole(visitor, internal, '/console')
    milliseconds.push(performance.now() - sent)
    if (status !== 200 || !body.includes('Followers of the feed'))
      throw new Error(`/console: ${status} ${body}`)
  }
  visitor.close()
  return [
    { what: 'the overview of the console: p50', seen: quantile(milliseconds, 0.5), unit: 'ms' },
    {
      what: 'the overview of the console: p99',
      seen: quantile(milliseconds, 0.99),
      unit: 'ms',
      goal: { most: 100 },
    },
  ]
}

const openConsole = (visitor: Visitor, internal: number, path: string) =>
  visitor.send({ method: 'GET', path, headers: { Host: `localhost:${internal}` } })

/** By the pages of the issuer, as every administrator does. */
const signInToConsole = async (
  visitor: Visitor,
  { public_port, internal, email }: Ports & { email: string },
): Promise<void> => {
  const issuer = openVisitor(public_port)
  const begun = await openConsole(visitor, internal, '/console')
  const page = await issuer.open(pathOf(await issuer.open(pathOf(begun))))
  const back = await issuer.submit(page, { email, password: PASSWORD })
  issuer.close()
  await openConsole(visitor, internal, pathOf(back))
}

/** Sequential scans of the tables that are large: an empty partition is read in no other way. */
const readScans = async (sql: Sql): Promise<number> => {
  const [row] = await sql<{ scans: number }[]>`
    select coalesce(sum(seq_scan), 0)::int as scans
    from pg_stat_user_tables
    where (relname in ('users', 'refresh_families') or relname like 'events%') and n_live_tup > 1000`
  return row?.scans ?? 0
}
