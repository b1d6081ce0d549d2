import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorCodeOf } from '../../../src/domain/base/error-code.ts'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { onHeldAccount } from '../../../src/store/families/end-families.ts'
import { isLostWorker, isOutage } from '../../../src/store/postgres/outage.ts'
import { inTransaction } from '../../../src/store/postgres/transaction.ts'
import { isPastDeadline } from '../../../src/store/schema/caller-forms.ts'
import { createDatabaseWithSchema, hasPostgres } from '../../support/backends.ts'
import { type Database, openDatabase, untilWaitingForLock } from '../../support/database.ts'
import { type FaultProxy, openFaultProxy } from '../../support/services/fault-proxy.ts'

/** The time of callers that are to give up. All others have the time of a server, which suffices on a busy machine too. */
const ANSWER_SECONDS = 1
/** Connections that the pool may open beside its size. */
const SPARE = 3

describe.skipIf(!hasPostgres)('the pool, when Postgres fails', () => {
  let own: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let proxy: FaultProxy
  let database: Database

  beforeAll(async () => {
    own = await createDatabaseWithSchema()
  })
  afterAll(() => own.drop())

  beforeEach(async () => {
    const { hostname, port } = new URL(own.url)
    proxy = await openFaultProxy({ host: hostname, port: Number(port) })
    database = openDatabase({ url: proxied(), pool_size: 3 })
    await database.ping()
    return async () => {
      await database.close()
      await proxy.close()
    }
  })

  /** Puts a pool for callers that soon give up in its place. */
  const becomeHasty = async (answer_seconds = ANSWER_SECONDS) => {
    await database.close()
    database = openDatabase({ url: proxied(), pool_size: 3, answer_seconds })
    await expect.poll(() => works(database), { timeout: 8000 }).toBe(true)
  }

  const proxied = () => Object.assign(new URL(own.url), { port: String(proxy.port) }).href

  const answers = () =>
    Promise.allSettled(Array.from({ length: 20 }, () => database.run(sql => sql`select 1 as one`)))

  const pidOf = () => database.run(sql => sql<{ pid: number }[]>`select pg_backend_pid() as pid`)
  /** The process ids of the backends that serve this number of concurrent statements. */
  const pidsOf = async (statements: number) => {
    const rows = await Promise.all(
      Array.from({ length: statements }, () =>
        database.run(sql => sql<{ pid: number }[]>`select pg_backend_pid() as pid from pg_sleep(0.05)`),
      ),
    )
    return new Set(rows.flat().map(({ pid }) => pid))
  }

  it('opens as many connections as concurrent statements need, up to its size', async () => {
    expect((await pidsOf(2)).size).toBe(2)
    expect((await pidsOf(20)).size).toBe(3)
  })

  it('survives a Postgres that is silent while a connection is being opened', async () => {
    // No statement can be parsed meanwhile. An uncaught error would end the process, and this run.
    await database.sql.begin(async holder => {
      await holder`lock table pg_catalog.pg_type in access exclusive mode`
      const fresh = openDatabase({ url: own.url, pool_size: 1, answer_seconds: ANSWER_SECONDS })
      await expect(fresh.ping()).rejects.toThrow(Unavailable)
      await expect(fresh.ping()).rejects.toThrow(Unavailable)
      await fresh.close()
    })
    await database.ping()
  })

  it('keeps a transaction to itself, however many statements are under way on its connection', async () => {
    const lone = openDatabase({ url: own.url, pool_size: 1 })
    await lone.sql`create table probe (id int)`
    const insert = (id: number) => lone.run(sql => sql`insert into probe values (${id})`)
    await insert(0)
    // Begins while the hundredth statement is under way: the driver's pipeline has a hundred by default.
    for (const before of [97, 98, 99, 100, 101]) {
      const sleeping = lone.run(sql => sql`select pg_sleep(0.2)`)
      const under_way = Array.from({ length: before }, () => insert(before))
      const rolledBack = lone.run(sql =>
        sql.begin(async own => {
          await own`insert into probe values (-1)`
          throw new Error('roll back')
        }),
      )
      const after = Array.from({ length: 20 }, () => insert(before))
      await expect(rolledBack).rejects.toThrow('roll back')
      await Promise.all([sleeping, ...under_way, ...after])
      const rows = await lone.sql<{ count: number }[]>`select count(*)::int from probe where id = ${before}`
      expect(rows[0]?.count).toBe(before + 20)
    }
    expect(await lone.sql`select from probe where id = -1`).toHaveLength(0)
    await lone.close()
  })

  it('queues no statement behind a waiting transaction while another connection is free', async () => {
    await database.sql`create table waited_for as select 1 as id`
    const holder = await database.sql.reserve()
    await holder`begin`
    await holder`select from waited_for for update`
    let isWaiting = true
    const waited = database
      .run(sql => sql.begin(own => [own`update waited_for set id = 2`]))
      .finally(() => {
        isWaiting = false
      })
    for (let turn = 0; turn < 10; turn++) await answers()
    expect(isWaiting).toBe(true)
    await holder`commit`
    holder.release()
    await waited
  })

  it('withdraws unsent work when its caller gives up, and has sent one statement a connection', async () => {
    await becomeHasty()
    await database.sql`create table taken_back (what int)`
    const insert = (what: number) => database.run(sql => sql`insert into taken_back values (${what})`)
    // The driver would pipeline statements that a connection has prepared.
    await Promise.all(Array.from({ length: 50 }, (_, what) => insert(what)))
    await Promise.all(Array.from({ length: 50 }, (_, what) => insert(what)))
    await database.sql`truncate taken_back`
    const holder = await database.sql.reserve()
    await holder`begin`
    await holder`lock taken_back`
    const given = Array.from({ length: 100 }, (_, what) => insert(what))
    for (const answer of await Promise.allSettled(given)) expect(answer.status).toBe('rejected')
    await holder`rollback`
    holder.release()
    // A pipelined statement would be carried out before these.
    await pidsOf(20)
    expect((await database.sql`select from taken_back`).length).toBeLessThanOrEqual(3 + SPARE)
  })

  it('uses one connection while that is enough', async () => {
    await pidsOf(20)
    const pids = new Set<number>()
    for (let turn = 0; turn < 20; turn++) for (const { pid } of await pidOf()) pids.add(pid)
    expect(pids.size).toBe(1)
  })

  it('continues with its other connections when the busy one is ended', async () => {
    const before = await pidsOf(20)
    const [{ pid } = { pid: 0 }] = await pidOf()
    await database.sql`select pg_terminate_backend(${pid}::int)`
    await expect.poll(pidOf).not.toEqual([{ pid }])
    const [{ pid: next } = { pid: 0 }] = await pidOf()
    expect(before).toContain(next)
  })

  it('says Unavailable while connections are refused, and serves again when they are not', async () => {
    await proxy.refuse()
    for (const answer of await answers()) {
      expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(Unavailable) })
    }
    await proxy.accept()
    await expect.poll(() => works(database), { timeout: 3000 }).toBe(true)
  })

  it('answers at once, without a wait, while connections are refused', async () => {
    await proxy.refuse()
    await expect(database.ping()).rejects.toThrow(Unavailable)
    const milliseconds: number[] = []
    for (let turn = 0; turn < 10; turn++) {
      const before = performance.now()
      await expect(database.ping()).rejects.toThrow(Unavailable)
      milliseconds.push(performance.now() - before)
    }
    // A pause would be in each of them. Some take longer on a busy machine.
    expect(Math.min(...milliseconds)).toBeLessThan(50)
  })

  it('says Unavailable, and why, where the system refuses at once', async () => {
    const nowhere = openDatabase({ url: 'postgres://u:p@255.255.255.255/db', pool_size: 1 })
    await expect(nowhere.ping()).rejects.toMatchObject({ cause: { code: 'ENETUNREACH' } })
    await nowhere.close()
  })

  it('says Unavailable, and why, when every host refuses; and asks the next one when the first does', async () => {
    await proxy.refuse()
    const url = own.url.replace(/@[^/]+/, `@127.0.0.1:${proxy.port},127.0.0.2:${proxy.port}`)
    const refused = openDatabase({ url, pool_size: 1, answer_seconds: ANSWER_SECONDS })
    await expect(refused.ping()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await refused.close()
    const { host } = new URL(own.url)
    const second = openDatabase({
      url: own.url.replace(host, `127.0.0.1:${proxy.port},${host}`),
      pool_size: 2,
      answer_seconds: ANSWER_SECONDS,
    })
    for (let turn = 0; turn < 3; turn++) await Promise.all([second.ping(), second.ping()])
    await second.close()
    await proxy.accept()
  })

  it.each([1, 2])(
    'does not overrun a Postgres that ends each connection at once, of %d hosts',
    async hosts => {
      let connections = 0
      const ending = createServer(socket => {
        connections++
        socket.end()
      })
      await once(ending.listen(0, '127.0.0.1'), 'listening')
      const { port } = ending.address() as AddressInfo
      const names = Array.from({ length: hosts }, () => `127.0.0.1:${port}`)
      const url = own.url.replace(/@[^/]+/, `@${names.join(',')}`)
      const lone = openDatabase({ url, pool_size: 1, answer_seconds: ANSWER_SECONDS })
      await expect(lone.ping()).rejects.toThrow(Unavailable)
      expect(connections).toBeLessThan(20)
      await lone.close()
      ending.close()
    },
  )

  it('says Unavailable to the statements whose connection is cut, with the cause, and reconnects', async () => {
    const held = database.run(sql => sql`select pg_sleep(3)`)
    await database.ping()
    proxy.cut()
    await expect(held).rejects.toMatchObject({ what: 'database', cause: { code: 'CONNECTION_CLOSED' } })
    await expect.poll(() => works(database), { timeout: 3000 }).toBe(true)
  })

  it('says Unavailable in time when Postgres stalls, and drops connections that stay silent', async () => {
    const patient = openDatabase({ url: proxied(), pool_size: 1, answer_seconds: 5 * ANSWER_SECONDS })
    await patient.ping()
    await becomeHasty()
    await answers()
    proxy.stall()
    let hasPatientGivenUp = false
    const waiting = expect(patient.ping())
      .rejects.toThrow(Unavailable)
      .finally(() => {
        hasPatientGivenUp = true
      })
    for (const answer of await answers()) {
      expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(Unavailable) })
    }
    expect(hasPatientGivenUp).toBe(false)
    proxy.heal()
    await expect.poll(() => works(database), { timeout: 8000 }).toBe(true)
    proxy.cut()
    await waiting
    await patient.close()
  })

  it('does not cut a connection that was idle when another caller gave up and now waits for Postgres', async () => {
    await becomeHasty()
    await pidsOf(6)
    await expect(database.run(() => new Promise(() => {}))).rejects.toThrow(Unavailable)
    await database.sql`select pg_sleep(${0.8 * ANSWER_SECONDS})`
    await database.run(sql => sql`select pg_sleep(${0.4 * ANSWER_SECONDS})`)
  })

  it('never carries out later a statement that it has answered with Unavailable before sending it', async () => {
    await becomeHasty()
    await database.sql`create table carried_out (what text)`
    proxy.stall()
    await answers()
    proxy.cut()
    const given = Array.from({ length: 400 }, (_, index) =>
      database.run(sql => sql`insert into carried_out values (${`late ${index}`})`),
    )
    for (const answer of await Promise.allSettled(given)) expect(answer.status).toBe('rejected')
    proxy.heal()
    proxy.cut()
    await expect.poll(() => works(database), { timeout: 8000 }).toBe(true)
    expect(await database.run(sql => sql`select * from carried_out`)).toEqual([])
  })

  it('tells a statement the rest of its caller’s time when it is sent, not when it began to wait', async () => {
    const release = proxy.hold()
    const lone = openDatabase({ url: proxied(), pool_size: 1, answer_seconds: 4 * ANSWER_SECONDS })
    // Of the 3.2 seconds that it may take, a statement that has waited for 1.5 of them has less than this left.
    const ask = () =>
      lone.run(
        (sql, caller) =>
          sql<{ is_late: boolean }[]>`select ${isPastDeadline(sql, caller)} as is_late from pg_sleep(1.8)`,
      )
    const asked = ask()
    await database.run(sql => sql`select pg_sleep(1.5)`)
    release()
    expect(await asked).toEqual([{ is_late: true }])
    expect(await ask()).toEqual([{ is_late: false }])
    await lone.close()
  })

  it('tells a statement that lay unread on its way that it is late, once an answer has told the time', async () => {
    const lone = openDatabase({ url: proxied(), pool_size: 1, answer_seconds: 2 * ANSWER_SECONDS })
    await lone.sql`create table told (is_late boolean)`
    const tell = () =>
      lone.run(
        (sql, caller) => sql`
          insert into told select ${isPastDeadline(sql, caller)} returning is_late, statement_timestamp() as at`,
      )
    await tell()
    const resume = proxy.suspend()
    await expect(tell()).rejects.toThrow(Unavailable)
    resume()
    await expect.poll(() => lone.load().statements, { timeout: 5000 }).toBe(0)
    expect(await lone.sql`select is_late from told`).toEqual([{ is_late: false }, { is_late: true }])
    await tell()
    expect(await lone.sql`select from told where not is_late`).toHaveLength(2)
    await lone.close()
  })

  it('never sends a statement whose caller gave up while its connection was being opened', async () => {
    await database.sql`create table sent (what text)`
    const release = proxy.hold()
    const lone = openDatabase({ url: proxied(), pool_size: 1, answer_seconds: ANSWER_SECONDS })
    await expect(lone.run(sql => sql`insert into sent values ('late')`)).rejects.toThrow(Unavailable)
    release()
    // There is one connection, so that every statement before this one has ended.
    await expect.poll(() => works(lone), { timeout: 3000 }).toBe(true)
    expect(await database.sql`select from sent`).toHaveLength(0)
    await lone.close()
  })

  it('never begins a transaction whose caller gave up while its connection was being opened', async () => {
    await database.sql`create table begun (what text)`
    const release = proxy.hold()
    const lone = openDatabase({ url: proxied(), pool_size: 1, answer_seconds: ANSWER_SECONDS })
    const begun = onHeldAccount(lone, randomUUID(), sql => sql`insert into begun values ('late')`)
    await expect(begun).rejects.toThrow(Unavailable)
    release()
    // There is one connection, so that every statement before this one has ended.
    await expect.poll(() => works(lone), { timeout: 3000 }).toBe(true)
    expect(await database.sql`select from begun`).toHaveLength(0)
    await lone.close()
  })

  it.each([
    ['whose statement broke off', 'select 1 / (3 - id) from generate_series(1, 3) id', '22012'],
    ['that broke off', 'select pg_terminate_backend(pg_backend_pid())', 'CONNECTION_CLOSED'],
  ])(
    'gives a statement its own rows and no others, after a connection %s among the rows',
    async (_, text, code) => {
      const lone = openDatabase({ url: own.url, pool_size: 1 })
      for (let turn = 0; turn < 3; turn++) {
        const broken = await lone.run(sql => sql.unsafe(text)).catch((error: unknown) => error)
        expect([errorCodeOf(broken), errorCodeOf(broken instanceof Error ? broken.cause : null)]).toContain(
          code,
        )
        expect(await lone.run(sql => sql`select 1 as one`)).toEqual([{ one: 1 }])
      }
      await lone.close()
    },
  )

  it.each(['cut', 'reset'] as const)(
    'says so to a transaction whose connection is %s, and goes on',
    async how => {
      await database.sql`create table if not exists ended_within (what text)`
      const lone = openDatabase({ url: proxied(), pool_size: 1 })
      const sleeping = () => database.sql<{ pid: number }[]>`
        select pid from pg_stat_activity where query like 'insert into ended_within%' and wait_event = 'PgSleep'`
      // Prepared and unprepared, which the driver handles differently.
      for (let turn = 0; turn < 2; turn++) {
        const ending = onHeldAccount(
          lone,
          randomUUID(),
          sql => sql`insert into ended_within select pg_sleep(3)`,
        )
        await expect.poll(sleeping).toHaveLength(1)
        proxy[how]()
        await expect(ending).rejects.toThrow(Unavailable)
        expect(await lone.run(sql => sql`select 1 as one`)).toEqual([{ one: 1 }])
        // Postgres notices only after its sleep that its client is gone.
        for (const { pid } of await sleeping()) await database.sql`select pg_terminate_backend(${pid}::int)`
        await expect.poll(sleeping).toHaveLength(0)
      }
      await lone.close()
    },
  )

  it('says Unavailable when Postgres ends the connection', async () => {
    const admin = openDatabase({ url: own.url, pool_size: 1 })
    const refused = expect(database.run(sql => sql`select pg_sleep(3) as ended`)).rejects.toMatchObject({
      name: 'Unavailable',
    })
    await expect
      .poll(
        () =>
          admin.sql`select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep(3) as ended%' and state = 'active'`,
      )
      .toHaveLength(1)
    await refused
    await expect.poll(() => works(database), { timeout: 3000 }).toBe(true)
    await admin.close()
  })

  it('tells the next statement nothing of the connection that Postgres ended', async () => {
    const lone = openDatabase({ url: own.url, pool_size: 1 })
    for (let turn = 0; turn < 5; turn++) {
      const [{ pid } = { pid: 0 }] = await lone.run(
        sql => sql<{ pid: number }[]>`select pg_backend_pid() as pid`,
      )
      // Awaited at once: the statement may end before the one that ends it has its answer.
      const refused = expect(lone.run(sql => sql`select pg_sleep(3)`)).rejects.toThrow(Unavailable)
      const next = lone.run(sql => sql`select 1 as one`)
      await lone.sql`select pg_terminate_backend(${pid}::int)`
      await refused
      expect(await next).toEqual([{ one: 1 }])
    }
    await lone.close()
  })

  it('tells the next statement nothing of the error after which a connection broke', async () => {
    const { hostname, port } = new URL(own.url)
    const READY = Buffer.from([0x5a, 0, 0, 0, 5])
    // Forwards the messages of Postgres up to this error.
    const breaking = createServer(near => {
      const far = connect(Number(port), hostname)
      near.on('error', () => {}).pipe(far)
      near.once('close', () => far.destroy())
      far
        .on('error', () => {})
        .on('data', (chunk: Buffer) => {
          const ready = chunk.indexOf(READY)
          if (chunk.includes('23505')) near.end(chunk.subarray(0, ready < 0 ? chunk.length : ready))
          else near.write(chunk)
        })
    })
    await once(breaking.listen(0, '127.0.0.1'), 'listening')
    const url = Object.assign(new URL(own.url), {
      port: String((breaking.address() as AddressInfo).port),
    }).href
    const lone = openDatabase({ url, pool_size: 1 })
    const broken = lone.run(sql => sql`do $$ begin raise exception using errcode = '23505'; end $$`)
    await expect(broken).rejects.toThrow(Unavailable)
    expect(await lone.run(sql => sql`select 1 as one`)).toEqual([{ one: 1 }])
    await lone.close()
    breaking.close()
  })

  it('loses no statement that comes while a connection breaks', async () => {
    const lone = openDatabase({ url: proxied(), pool_size: 1 })
    for (let turn = 0; turn < 5; turn++) {
      await lone.ping()
      const held = lone.run(sql => sql`select pg_sleep(3)`)
      const next = lone.run(sql => sql`select 1 as one`)
      proxy.reset()
      await expect(held).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
      expect(await next).toEqual([{ one: 1 }])
    }
    await lone.close()
  })

  it('ends a long statement before its caller gives up', async () => {
    await becomeHasty(2 * ANSWER_SECONDS)
    await expect(database.run(sql => sql`select pg_sleep(3)`)).rejects.toMatchObject({
      name: 'Unavailable',
      cause: { code: '57014' },
    })
  })

  it('drops its connections when a write is refused by a standby', async () => {
    const [before] = await database.run(sql => sql`select pg_backend_pid() as pid`)
    const write = database.sql.begin(
      'read only',
      sql => sql`insert into spent_assertions values ('a', 'b', now())`,
    )
    await expect(database.run(() => write)).rejects.toMatchObject({ cause: { code: '25006' } })
    await expect.poll(() => works(database), { timeout: 3000 }).toBe(true)
    const [after] = await database.run(sql => sql`select pg_backend_pid() as pid`)
    expect(after).not.toEqual(before)
  })

  it('runs work again that Postgres has rolled back to end a deadlock', async () => {
    const patient = openDatabase({ url: own.url, pool_size: 2, answer_seconds: 30 })
    await patient.sql`create table pair as select id, 0 as times from generate_series(1, 2) id`
    const held = await patient.sql.reserve()
    await held`begin`
    // The other transaction looks for a deadlock, and is rolled back.
    await held`set local deadlock_timeout = '1h'`
    await held`update pair set times = times + 1 where id = 2`
    let tries = 0
    const waiting: Promise<unknown>[] = []
    const victim = patient.run(sql =>
      sql.begin(async own => {
        await own`update pair set times = times + 1 where id = 1`
        if (tries++ === 0) {
          waiting.push(held`update pair set times = times + 1 where id = 1`.execute())
          await untilWaitingForLock(patient)
        }
        return own`update pair set times = times + 1 where id = 2 returning times`
      }),
    )
    await expect.poll(() => waiting).toHaveLength(1)
    await Promise.all(waiting)
    await held`commit`
    held.release()
    expect(await victim).toEqual([{ times: 2 }])
    expect(tries).toBe(2)
    expect(await patient.sql`select id, times from pair order by id`).toEqual([
      { id: 1, times: 2 },
      { id: 2, times: 2 },
    ])
    await patient.close()
  })

  it.each(['40001', '40P01'])('runs a whole transaction again that was rolled back with %s', async code => {
    await failing(code, 2)
    const written = await database.run(sql =>
      inTransaction(sql, async held => {
        await held`insert into tried values (${code})`
        return held`select fail_first() as failures`
      }),
    )
    expect(written).toEqual([{ failures: 2 }])
    expect(await database.sql`select code from tried`).toEqual([{ code }])
  })

  it('runs work again that was rolled back at its commit', async () => {
    await failing('40001', 2)
    await database.sql`
      create constraint trigger at_commit after insert on tried
      deferrable initially deferred for each row execute function fail_first_at_commit()`
    await database.run(sql => sql`insert into tried values ('once')`)
    expect(await database.sql`select code from tried`).toEqual([{ code: 'once' }])
  })

  it('stops retrying work when its caller gives up', async () => {
    await becomeHasty()
    await failing('40001', 1_000_000)
    await expect(
      database.run(sql => sql`insert into tried select 'never' where fail_first() > 0`),
    ).rejects.toThrow(Unavailable)
    // No retry is pending.
    await expect.poll(() => database.load().statements, { timeout: 2000 }).toBe(0)
    expect(await database.sql`select from tried`).toHaveLength(0)
  })

  it('does not run work again that Postgres refuses for another reason', async () => {
    await failing('40003', 1)
    await expect(database.run(sql => sql`select fail_first()`)).rejects.toMatchObject({ code: '40003' })
  })

  /** `fail_first` raises an error `times` times. It counts with a sequence, which a rollback does not reset. */
  const failing = async (code: string, times: number) => {
    await database.sql.unsafe(`
      drop table if exists tried;
      create table tried (code text);
      drop sequence if exists failures;
      create sequence failures minvalue 0;
      create or replace function fail_first() returns int language plpgsql as $$
        declare failure int := nextval('failures');
        begin
          if failure < ${times} then raise exception using errcode = '${code}'; end if;
          return failure;
        end $$;
      create or replace function fail_first_at_commit() returns trigger language plpgsql as $$
        begin
          perform fail_first();
          return null;
        end $$`)
  }

  it('rejects with the error of a statement unchanged', async () => {
    await expect(database.run(sql => sql`select nonsense`)).rejects.toMatchObject({ code: '42703' })
  })

  it('prepares a statement by name, once a connection', async () => {
    const single = openDatabase({ url: own.url, pool_size: 1 })
    for (const number of [1, 2, 3]) await single.run(sql => sql`select ${number}::int as number`)
    const prepared = await single.run(
      sql =>
        sql`select calls from (select generic_plans + custom_plans as calls from pg_prepared_statements where statement like '%as number') as counted`,
    )
    expect(prepared).toEqual([{ calls: '3' }])
    await single.close()
  })

  it('pins the settings that the verbs depend on', async () => {
    const [row] = await database.run(
      sql =>
        sql`select current_setting('transaction_isolation') as isolation, current_setting('statement_timeout') as statement_timeout, current_setting('application_name') as name`,
    )
    expect(row).toEqual({ isolation: 'read committed', statement_timeout: '4s', name: 'signetd' })
  })

  it('says Unavailable after it is closed', async () => {
    await database.close()
    await expect(database.ping()).rejects.toThrow(Unavailable)
  })
})

const works = async (database: Database) => {
  try {
    await database.ping()
    return true
  } catch {
    return false
  }
}

describe('a code that counts as an outage', () => {
  it.each(['08006', '53300', '53100', '57P01', '57P03', 'ECONNREFUSED', 'CONNECT_TIMEOUT'])('%s', code => {
    expect(isOutage(code)).toBe(true)
  })
  it.each(['23505', '42P01', '40001', '0800', '', 'TypeError'])('not %j', code => {
    expect(isOutage(code)).toBe(false)
  })
})

describe('an error of Citus that tells of a lost worker', () => {
  it.each([
    ['08006', 'connection to the remote node signet@worker1:5432 failed with the following error: refused'],
    ['57P01', 'terminating connection due to administrator command'],
    ['57P03', 'the database system is starting up'],
    ['XX000', 'failure on connection marked as essential: worker1:5432'],
    ['58030', 'failed to COPY to shard 0 on worker1:5432'],
    ['XX000', 'postmaster was shut down, exiting'],
    ['XX000', 'server closed the connection unexpectedly\n\tThis probably means'],
    ['XX000', 'terminating connection due to unexpected postmaster exit'],
  ])('%s %j', (code, message) => {
    expect(isLostWorker({ severity: 'ERROR', code, message })).toBe(true)
    expect(isLostWorker({ severity: 'FATAL', code, message })).toBe(false)
  })
  it.each([
    ['XX000', 'cache lookup failed for relation 1'],
    ['58030', 'could not read file'],
    ['08P01', 'bind message supplies 1 parameters'],
    ['P0001', 'failure on connection marked as essential: worker1:5432'],
  ])('not %s %j', (code, message) => {
    expect(isLostWorker({ severity: 'ERROR', code, message })).toBe(false)
  })
})
