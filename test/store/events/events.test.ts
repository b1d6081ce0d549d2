import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstIdAt, NIL_UUID } from '../../../src/domain/base/uuid.ts'
import { filterBy } from '../../../src/flows/events/event-filter.ts'
import { onBehalfOf } from '../../../src/platform/origin-context.ts'
import type { EventFilter } from '../../../src/ports/events.ts'
import { createEvents } from '../../../src/store/events/events.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'

describe.each(backends)('events on $name', ({ name, open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  const events = () => createEvents(backend.database)

  it('are written with the origin of the call', async () => {
    const sub = randomUUID()
    const origin = { actor: { type: 'operator', id: 'root' }, ip: '192.0.2.1', request_id: 'r-1' } as const
    await onBehalfOf(origin, () =>
      events().write([{ kind: 'account.disabled', sub, reason: 'disabled', details: { a: [1] } }]),
    )
    const { events: read, next } = await events().read({ filter: filterBy({ sub }), after: null, limit: 5 })
    expect(read).toMatchObject([
      {
        kind: 'account.disabled',
        outcome: 'succeeded',
        reason: 'disabled',
        actor: { type: 'operator', id: 'root' },
        sub,
        client_id: null,
        ip: '192.0.2.1',
        request_id: 'r-1',
        count: 1,
        details: { a: [1] },
      },
    ])
    expect(next).toBeNull()
    expect(await events().find({ id: read[0]?.id ?? NIL_UUID, user_id: null })).toEqual(read[0])
  })

  // The clock of the embedded database has milliseconds.
  it.skipIf(name !== 'postgres')(
    'of one statement sort as it has written them, within a millisecond',
    async () => {
      const jti = randomUUID()
      const reasons = Array.from({ length: 40 }, (_, index) => String(index))
      await events().write(reasons.map(reason => ({ kind: 'account.imported', jti, reason })))
      const { events: read } = await events().read({ filter: filterBy({ jti }), after: null, limit: 50 })
      expect(read.toReversed().map(({ reason }) => reason)).toEqual(reasons)
    },
  )

  it('are written in batches: in one, and on Citus by person', async () => {
    const [one, other] = [randomUUID(), randomUUID()]
    const refused = (sub?: string) => ({ kind: 'sign_in.refused', ...(sub && { sub }) }) as const
    const given = [refused(one), refused(), refused(other), refused(), refused(one)]
    const batches = events().batches(given)
    expect(batches).toEqual(
      backend.database.isDistributed()
        ? [[refused(one), refused(one)], [refused(), refused()], [refused(other)]]
        : [given],
    )
    for (const batch of batches) await events().write(batch)
    for (const [sub, count] of [
      [one, 2],
      [other, 1],
    ] as const)
      expect((await events().read({ filter: filterBy({ sub }), after: null, limit: 5 })).events).toHaveLength(
        count,
      )
  })

  it('have ids of version 7 that sort by time', async () => {
    const before = new Date(Date.now() - 60_000)
    await events().write([{ kind: 'key.created' }])
    const [event] = (
      await events().read({ filter: filterBy({ kind: 'key.created' }), after: null, limit: 1 })
    ).events
    expect(event?.id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab]/)
    expect((event?.id ?? '') > firstIdAt(before)).toBe(true)
    expect((event?.id ?? '') < firstIdAt(new Date(Date.now() + 60_000))).toBe(true)
  })

  it('are read by keyset, the newest first, by each of their indexes', async () => {
    const sid = randomUUID()
    const sub = randomUUID()
    const given = { sid, sub, client_id: 'web', jti: randomUUID() }
    for (const kind of ['sign_in.opened', 'sign_in.stepped_up', 'sign_in.ended'] as const)
      await onBehalfOf({ actor: { type: 'client', id: sid }, ip: sid, request_id: sid }, () =>
        events().write([{ kind, ...given }]),
      )
    const filters: readonly Partial<EventFilter>[] = [
      { sid },
      { sub },
      { jti: given.jti },
      { ip: sid },
      { request_id: sid },
      { actor: `client:${sid}` },
      { client_id: 'web', sub },
    ]
    for (const filter of filters) {
      const first = await events().read({ filter: filterBy(filter), after: null, limit: 2 })
      expect(first.events).toHaveLength(2)
      const second = await events().read({ filter: filterBy(filter), after: first.next, limit: 2 })
      const ids = [...first.events, ...second.events].map(({ id }) => id)
      expect(new Set(ids).size).toBe(3)
      expect(ids).toEqual(ids.toSorted().toReversed())
      expect(second.next).toBeNull()
    }
  })

  it('are read between two times, however many others are older', async () => {
    const { sql } = backend.database
    const ip = randomUUID()
    const day = (number: number) => new Date(Date.UTC(2025, 0, number))
    const older = 2_100
    await sql`
      insert into signet.events (id, kind, ip)
      select (left(${firstIdAt(day(1))}::text, 24) || lpad(n::text, 12, '0'))::uuid, 'session.opened', ${ip}
      from generate_series(1, ${older}::int) n`
    const recent = [2, 3, 4, 5].map(number => firstIdAt(day(number)))
    for (const id of recent)
      await sql`insert into signet.events (id, kind, ip) values (${id}, 'session.opened', ${ip})`
    const read = async (filter: Partial<EventFilter>, after: string | null, limit: number) => {
      const page = await events().read({ filter: filterBy({ ip, ...filter }), after, limit })
      return { ids: page.events.map(({ id }) => id), next: page.next }
    }
    const [second, third, fourth, fifth] = recent
    const span = { from: day(3), until: day(5) }
    expect(await read(span, null, 50)).toEqual({ ids: [fourth, third], next: null })
    expect(await read(span, null, 1)).toEqual({ ids: [fourth], next: fourth })
    expect(await read(span, fourth ?? null, 1)).toEqual({ ids: [third], next: third })
    expect(await read(span, third ?? null, 1)).toEqual({ ids: [], next: null })
    expect(await read({ from: day(2) }, null, 50)).toEqual({
      ids: [fifth, fourth, third, second],
      next: null,
    })
    expect((await read({ until: day(2) }, null, 50)).ids).toHaveLength(50)
    expect((await read({ outcome: 'refused' }, null, 50)).next).not.toBeNull()
    expect(await read({ outcome: 'refused', from: day(2) }, null, 50)).toEqual({ ids: [], next: null })
  })

  it('of one time are told with an ending after its cause, and each once over the pages', async () => {
    const { sql } = backend.database
    const sid = randomUUID()
    const idAt = (time: string, end: string) => `0193${time}-0000-7000-8000-00000000000${end}`
    const rows = [
      [idAt('0000', '1'), 'sign_in.ended'],
      [idAt('0000', '2'), 'refresh_token.reused'],
      [idAt('0001', '1'), 'refresh_token.forged'],
      [idAt('0001', '2'), 'sign_in.ended'],
      [idAt('0002', '1'), 'sign_in.stepped_up'],
    ] as const
    for (const [id, kind] of rows)
      await sql`insert into signet.events (id, kind, sid) values (${id}, ${kind}, ${sid})`
    const read = (after: string | null, limit: number) =>
      events().read({ filter: filterBy({ sid }), after, limit })
    const { events: all } = await read(null, 50)
    expect(all.map(({ kind }) => kind)).toEqual([
      'sign_in.stepped_up',
      'sign_in.ended',
      'refresh_token.forged',
      'sign_in.ended',
      'refresh_token.reused',
    ])
    const first = await read(null, 4)
    const second = await read(first.next, 4)
    const ids = [...first.events, ...second.events].map(({ id }) => id)
    expect(ids.toSorted()).toEqual(rows.map(([id]) => id))
  })

  it('get their places in the stream once, in order', async () => {
    const { last: begin } = await events().readBounds(null)
    await Promise.all(
      Array.from({ length: 20 }, () => events().write([{ kind: 'key.retired' }, { kind: 'key.revoked' }])),
    )
    await Promise.all([events().place(), events().place()])
    await events().place()
    const placed = (await events().readStream(begin, 1000))?.events ?? []
    expect(placed.map(({ number }) => number)).toEqual(placed.map((_, at) => begin.number + 1 + at))
    expect(new Set(placed.map(({ id }) => id)).size).toBe(placed.length)
    expect(placed.filter(({ kind }) => kind.startsWith('key.re'))).toHaveLength(40)
    expect((await events().readBounds(null)).last.number).toBe(begin.number + placed.length)
  })
})
