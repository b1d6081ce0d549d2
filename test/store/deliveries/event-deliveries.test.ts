import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { NIL_UUID } from '../../../src/domain/base/uuid.ts'
import { EVENTS_AT_ONCE, EVENTS_WAITING_AT_MOST } from '../../../src/domain/outbound/delivery.ts'
import type { EventDeliveries } from '../../../src/ports/deliveries.ts'
import { createEventDeliveries } from '../../../src/store/deliveries/event-deliveries.ts'
import { createEvents } from '../../../src/store/events/events.ts'
import type { Database as Pool } from '../../../src/store/postgres/index.ts'
import { backends, hasPostgres, type OpenBackend } from '../../support/backends.ts'

const EVERYTHING = { except: [], limit: 100 }

const waitingIn = async ({ database: { sql } }: OpenBackend) => {
  const [row] = await sql<
    { rows: number }[]
  >`select count(*)::int as rows from deliveries where kind = 'event'`
  return row?.rows ?? 0
}

const enqueueAll = async (deliveries: EventDeliveries) => {
  while (await deliveries.enqueue());
}

describe.each(backends)('events for the webhook, on $name', ({ open }) => {
  let backend: OpenBackend
  let deliveries: EventDeliveries
  beforeAll(async () => {
    backend = await open()
    deliveries = createEventDeliveries(backend.database)
  })
  afterAll(() => backend.close())
  beforeEach(() => backend.database.sql`delete from deliveries`)

  const events = () => createEvents(backend.database)
  /** Events of the people, in the order of the list. */
  const write = async (...subs: readonly (string | null)[]) => {
    for (const sub of subs) {
      await events().write([{ kind: 'account.disabled', ...(sub === null ? {} : { sub }) }])
      await events().place()
    }
  }
  const claimed = async () =>
    (await deliveries.claim(EVERYTHING)).toSorted((a, b) => (a.number ?? 0) - (b.number ?? 0))

  it('are those since the first call, each once, whatever instances do at a time', async () => {
    await write(randomUUID())
    await Promise.all([deliveries.begin(), deliveries.begin()])
    await deliveries.enqueue()
    expect(await waitingIn(backend)).toBe(0)
    const people = [randomUUID(), randomUUID()]
    await write(...people)
    await deliveries.begin()
    await Promise.all([enqueueAll(deliveries), enqueueAll(deliveries), enqueueAll(deliveries)])
    await enqueueAll(deliveries)
    const [first, second] = await claimed()
    expect([first?.user_id, second?.user_id]).toEqual(people)
    expect(second?.number).toBe(Number(first?.number) + 1)
    expect(first).toMatchObject({ kind: 'event', receiver: '', sid: null, attempts: 1 })
    expect(first?.seconds_left).toBeGreaterThan(3 * 86_400 - 60)
    expect(first?.seconds_left).toBeLessThanOrEqual(3 * 86_400)
    expect(await events().find({ id: first?.id ?? '', user_id: null })).toMatchObject({
      kind: 'account.disabled',
      sub: people[0],
    })
    expect(await deliveries.oldestSeconds()).toBeLessThan(60)
  })

  it('of a person are claimed one after the other, those of others and of no person meanwhile', async () => {
    const [ada, bob] = [randomUUID(), randomUUID()]
    await write(ada, ada, null, bob, null, ada)
    await enqueueAll(deliveries)
    const first = await claimed()
    expect(first.map(({ user_id }) => user_id)).toEqual([ada, NIL_UUID, bob, NIL_UUID])
    expect(await claimed()).toEqual([])
    await deliveries.finish(first[0] ?? expect.fail())
    const [second, ...others] = await claimed()
    expect([second?.user_id, Number(second?.number) > Number(first[0]?.number), others]).toEqual([
      ada,
      true,
      [],
    ])
  })

  it('of a person wait together when the first one has failed, and go on from it', async () => {
    const [ada, bob] = [randomUUID(), randomUUID()]
    await write(ada, ada, null, null)
    await enqueueAll(deliveries)
    const [failed, ...others] = await claimed()
    if (failed === undefined) throw new Error('not claimed')
    for (const other of others) await deliveries.finish(other)
    await deliveries.postpone(failed, 3600)
    await write(ada, bob)
    await enqueueAll(deliveries)
    expect((await claimed()).map(({ user_id }) => user_id)).toEqual([bob])
    const due = await backend.database.sql<{ is_due: boolean }[]>`
      select due_at <= now() as is_due from deliveries where user_id = ${ada} order by number`
    expect(due.map(({ is_due }) => is_due)).toEqual([false, false, true])
    await deliveries.postpone(failed, 0)
    const [again] = await claimed()
    expect([again?.id, again?.attempts]).toEqual([failed.id, 2])
    // The word of the claim before changes nothing.
    await deliveries.postpone(failed, 0)
    expect(await claimed()).toEqual([])
  })

  it('are claimed a last time when their days are over', async () => {
    await write(randomUUID())
    await enqueueAll(deliveries)
    await backend.database.sql`update deliveries set expires_at = expires_at - interval '3 days 1 second'`
    expect((await claimed()).map(({ seconds_left }) => seconds_left < 0)).toEqual([true])
  })
})

describe.skipIf(!hasPostgres)('a flood of events while the webhook is away', () => {
  const FLOOD = 20_000
  let backend: OpenBackend
  let deliveries: EventDeliveries
  beforeAll(async () => {
    backend = await (backends.find(({ name }) => name === 'postgres') ?? expect.fail()).open()
    deliveries = createEventDeliveries(backend.database)
    await deliveries.begin()
    const { sql } = backend.database
    // Half of them are about no person, and a person has four.
    await sql`
      with written as (
        insert into events (user_id, kind)
        select case when n % 2 = 0 then ${NIL_UUID} else ('018f0000-0000-7000-8000-' || lpad(to_hex(n / 8), 12, '0'))::uuid end, 'sign_in.refused'
        from generate_series(1, ${FLOOD}::int) n
        returning user_id, id
      ),
      placed as (
        insert into event_places (number, user_id, event_id)
        select row_number() over (order by id), user_id, id from written
      )
      select count(*) from written`
    await sql`update event_head set number = ${FLOOD}`
    await enqueueAll(deliveries)
    // Clients that are away as well.
    await sql`
      insert into deliveries (user_id, kind, receiver, expires_at)
      select gen_random_uuid(), 'backchannel_logout', 'client' || n % 10, now() + interval '1 day'
      from generate_series(1, ${2 * FLOOD}::int) n`
    await sql`analyze deliveries`
    await sql`analyze event_places`
  }, 60_000)
  afterAll(() => backend.close())

  it('makes as many deliveries as may wait, and goes on where it stopped when some were taken', async () => {
    const { sql } = backend.database
    expect(await waitingIn(backend)).toBe(EVENTS_WAITING_AT_MOST)
    expect(await deliveries.enqueue()).toBe(false)
    const seen = new Set<number>()
    while ((await waitingIn(backend)) > 0) {
      const taken = await sql<{ number: number }[]>`
        delete from deliveries
        where id in (select id from deliveries where kind = 'event' order by number limit 4000)
        returning number::int as number`
      for (const { number } of taken) seen.add(number)
      await enqueueAll(deliveries)
      expect(await waitingIn(backend)).toBeLessThanOrEqual(EVENTS_WAITING_AT_MOST)
      if (seen.size === 4000) await judgePlans()
    }
    expect([seen.size, Math.max(...seen)]).toEqual([FLOOD, FLOOD])
  })

  type Plan = Readonly<{ 'Node Type': string; 'Relation Name'?: string; Plans?: readonly Plan[] }>
  const nodesOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
  const planOf = async (send: (database: Pool) => Promise<unknown>): Promise<Plan> => {
    let shown: Plan | undefined
    const { database } = backend
    const run: Pool['run'] = async query => {
      const rows = await database.run((sql, context) => {
        const made = query(sql, context)
        const [head = '', ...rest] = Reflect.get(Object(made), 'strings') as string[]
        const strings = [`explain (format json) ${head}`, ...rest]
        Reflect.set(Object(made), 'strings', Object.assign(strings, { raw: strings }))
        return made
      })
      const [row] = rows as unknown as { 'QUERY PLAN': readonly { Plan: Plan }[] }[]
      shown = row?.['QUERY PLAN'][0]?.Plan
      return rows
    }
    await send({ ...database, run })
    if (shown === undefined) throw new Error('there is no plan')
    return shown
  }

  const judgePlans = async () => {
    const [first] = await deliveries.claim({ except: [], limit: 1 })
    if (first === undefined) throw new Error('not claimed')
    const statements = {
      claim: (database: Pool) => createEventDeliveries(database).claim(EVERYTHING),
      enqueue: (database: Pool) => createEventDeliveries(database).enqueue(),
      postpone: (database: Pool) => createEventDeliveries(database).postpone(first, 0),
    }
    for (const [name, send] of Object.entries(statements)) {
      const read = nodesOf(await planOf(send)).filter(node => node['Node Type'] === 'Seq Scan')
      const tables = read.map(node => node['Relation Name']).filter(table => table !== 'event_webhook')
      expect([name, tables]).toEqual([name, []])
    }
    await deliveries.postpone(first, 0)
  }

  it('gives a claim its few, each of another person', async () => {
    await backend.database.sql`update event_webhook set number = 0`
    await enqueueAll(deliveries)
    const taken = await deliveries.claim(EVERYTHING)
    expect(taken).toHaveLength(EVENTS_AT_ONCE)
    const people = taken.map(({ user_id }) => user_id).filter(id => id !== NIL_UUID)
    expect(new Set(people).size).toBe(people.length)
  })
})
