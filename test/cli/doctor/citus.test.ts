import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres, { type Sql } from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../../../src/cli/program.ts'
import { distribute } from '../../../src/store/migrations/distribute.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { createEmptyCitusDatabase, hasCitus, type OwnDatabase } from '../../support/backends.ts'
import { findNodes } from '../../support/services/citus.ts'
import { freePort } from '../../support/services/services.ts'

const PEPPER = Buffer.alloc(32, 7).toString('base64url')

/** Seconds in which the doctor has to have spoken, whatever a worker does; Citus alone would wait for 30. */
const BOUND_SECONDS = 15

describe.skipIf(!hasCitus)('signetd doctor on Citus', { timeout: 60_000 }, () => {
  let own: OwnDatabase
  let sql: Sql
  let directory: string
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'signet-doctor-'))
    own = await createEmptyCitusDatabase()
    sql = connectTo(own.url)
    await migrate({ url: own.url, months_ahead: 3 })
    // Whatever the cluster of the tests has.
    for (const url of await findNodes(own.url)) await setSynchronousCommit(url, 'on')
  })
  afterEach(async () => {
    rmSync(directory, { recursive: true, force: true })
    await sql.end({ timeout: 5 })
    await own.drop()
  })

  /** The exit code, and the lines about the database and its events. */
  const doctor = async (environment: Readonly<Record<string, string>> = {}) => {
    const lines: string[] = []
    const say = (line: string) => void lines.push(line)
    const given = {
      PORT: String(await freePort()),
      INTERNAL_PORT: 'off',
      KEYS_DIR: join(directory, 'keys'),
      DATABASE_URL: own.url,
      REFRESH_TOKEN_PEPPER: PEPPER,
      REFRESH_TOKEN_VERSION: '2',
      ...environment,
    }
    const code = await runProgram(['doctor'], { environment: given, out: say, err: say }, async () => {})
    const of = (check: string) => lines.filter(line => line.slice(7).startsWith(`${check}:`))
    return { code, database: of('database'), events: of('events') }
  }

  const CONNECTIONS = expect.stringMatching(
    /^ok {5}database: max_connections.* leaves \d+, enough for \d+ instances of 14$/,
  )
  const DISTRIBUTED = expect.stringMatching(
    /^ok {5}database: the tables are distributed over \d+ nodes?, in 2 shards$/,
  )
  const EVENTS = 'ok     events: the events have partitions for 3 months ahead'

  it('says whether the tables are distributed, and that a distribution has not come to its end', async () => {
    expect(await doctor()).toEqual({
      code: 0,
      database: [
        CONNECTIONS,
        expect.stringMatching(/^ok .* no table is distributed: .* signetd migrate --citus$/),
      ],
      events: [EVENTS],
    })
    await sql`create function refuse() returns trigger language plpgsql as 'begin return new; end'`
    await sql`create trigger refuse before insert on consents for each row execute function refuse()`
    await expect(distribute({ url: own.url })).rejects.toThrow('trigger')
    expect(await doctor()).toMatchObject({
      code: 1,
      database: [
        expect.stringMatching(
          /^fault {2}database: the tables are distributed in part \(consents, .*--citus$/,
        ),
      ],
    })
    await sql`drop trigger refuse on consents`
    await distribute({ url: own.url })
    expect(await doctor()).toEqual({ code: 0, database: [CONNECTIONS, DISTRIBUTED], events: [EVENTS] })
  })

  it('names the rows that a run which died has left on the coordinator, until the next run', async () => {
    await distribute({ url: own.url })
    // As create_distributed_table leaves them, which a run forgets at its end.
    await sql`create table local (like totp_factors including all)`
    await sql`drop table totp_factors`
    await sql`alter table local rename to totp_factors`
    await sql`insert into totp_factors (user_id, secret, last_step) values (gen_random_uuid(), '', 0)`
    await sql`select create_distributed_table('totp_factors', 'user_id', colocate_with => 'users')`
    expect(await doctor()).toMatchObject({
      code: 0,
      database: [
        CONNECTIONS,
        DISTRIBUTED,
        expect.stringMatching(/^warn {3}database: .* before the distribution.*: totp_factors: run signetd/),
      ],
    })
    await distribute({ url: own.url })
    expect(await doctor()).toMatchObject({ code: 0, database: [CONNECTIONS, DISTRIBUTED] })
  })

  it('warns of refresh tokens that ask all nodes, also a role that is no superuser', async () => {
    await distribute({ url: own.url })
    const role = await createServingRole(sql, own)
    const found = await doctor({ DATABASE_URL: role.url, REFRESH_TOKEN_VERSION: '1' })
    await role.drop()
    expect(found).toEqual({
      code: 0,
      database: [
        CONNECTIONS,
        DISTRIBUTED,
        expect.stringMatching(
          /^warn {3}database: REFRESH_TOKEN_VERSION is 1: .*: set REFRESH_TOKEN_VERSION=2/,
        ),
      ],
      events: [EVENTS],
    })
  })

  it('warns of nodes that do not wait for their commits', async () => {
    await distribute({ url: own.url })
    const [coordinator = '', worker = ''] = await findNodes(own.url)
    await setSynchronousCommit(worker, 'off')
    const { host } = new URL(worker)
    const warning = (names: string) =>
      expect.stringMatching(
        new RegExp(
          `^warn   database: synchronous_commit is off on ${names}: .*: set synchronous_commit = on`,
        ),
      )
    expect(await doctor()).toMatchObject({ code: 0, database: [CONNECTIONS, DISTRIBUTED, warning(host)] })
    await setSynchronousCommit(coordinator, 'off')
    expect(await doctor()).toMatchObject({
      code: 0,
      database: [CONNECTIONS, DISTRIBUTED, warning(`the coordinator, ${host}`)],
    })
  })

  it.each([
    ['refuses connections', async () => ({ port: await freePort(), close: () => {} })],
    ['accepts them and is silent', openSilence],
  ])('names a worker that %s, in bounded time, and checks the rest', async (_, open) => {
    await distribute({ url: own.url })
    const { port, close } = await open()
    const [node] = await sql<{ id: number; port: number }[]>`
      select nodeid as id, nodeport as port from pg_dist_node where groupid <> 0 order by nodeid desc limit 1`
    if (node === undefined) throw new Error('a cluster has a worker')
    await sql`update pg_dist_node set nodeport = ${port} where nodeid = ${node.id}`
    const begun = performance.now()
    const { code, database, events } = await doctor()
    const seconds = (performance.now() - begun) / 1000
    // A database whose maintenance waits for a silent worker cannot be dropped.
    await sql`update pg_dist_node set nodeport = ${node.port} where nodeid = ${node.id}`
    close()
    expect({ code, database }).toEqual({
      code: 1,
      database: [
        CONNECTIONS,
        DISTRIBUTED,
        expect.stringMatching(
          new RegExp(`^fault  database: the coordinator cannot reach the worker [^ ]+:${port}, .*: start it`),
        ),
      ],
    })
    expect(events).toEqual([
      'ok     events: the partitions of the events are not checked: see the check of the database',
    ])
    expect(seconds).toBeLessThan(BOUND_SECONDS)
  })
})

const connectTo = (url: string): Sql => postgres(url, { max: 1, onnotice: () => {} })

/** On one node, for the database of its URL. */
const setSynchronousCommit = async (url: string, value: 'on' | 'off'): Promise<void> => {
  const node = connectTo(url)
  await node`set citus.enable_ddl_propagation = off`
  await node`
    alter database ${node(new URL(url).pathname.slice(1))}
    set synchronous_commit = ${node.unsafe(value)}`
  await node.end()
}

/** A role as deploy.md has it, which Citus makes on all nodes, and the URL with it. */
const createServingRole = async (sql: Sql, { url }: OwnDatabase) => {
  const role = `serving_${new URL(url).pathname.slice(-16)}`
  await sql`create role ${sql(role)} login password '${sql.unsafe(role)}'`
  await sql`grant usage on schema public, drizzle to ${sql(role)}`
  await sql`grant select, insert, update, delete on all tables in schema public to ${sql(role)}`
  await sql`grant select on all tables in schema drizzle to ${sql(role)}`
  const other = new URL(url)
  other.username = role
  other.password = role
  const drop = async () => {
    await sql`drop owned by ${sql(role)}`
    await sql`drop role ${sql(role)}`
  }
  return { url: other.href, drop }
}

/** A port on loopback whose connections get no answer. */
async function openSilence() {
  const sockets = new Set<Socket>()
  const server = createServer(socket => sockets.add(socket.on('error', () => {})))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a server without a port')
  const close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port: address.port, close }
}
