import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { groupedBy } from '../../../src/domain/base/grouped-by.ts'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { createSignInRefusals } from '../../../src/flows/events/record-refusals.ts'
import { currentOrigin, onBehalfOf } from '../../../src/platform/origin-context.ts'
import type { Events, NewEvent } from '../../../src/ports/events.ts'
import { createEvents } from '../../../src/store/events/events.ts'
import { signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createClock, createLog } from '../../support/effects.ts'

let deployment: Deployment
beforeAll(async () => {
  deployment = await openDeployment()
})
afterAll(() => deployment.close())

/** Writes all events in one batch, as one Postgres does. */
const inOne = (write: Events['write']): Recorder => ({ write, batches: events => [events] })

type Recorder = Pick<Events, 'write' | 'batches'>

const open = (events?: Recorder) => {
  const time = createClock(new Date('2026-03-01T12:00:10Z'))
  const { log, lines } = createLog()
  const written = events ?? createEvents(deployment.database)
  return {
    ...createSignInRefusals({ events: written, currentOrigin, clock: time.clock, log }),
    ...time,
    lines,
  }
}

const refusal = (more: object = {}) => ({
  reason: 'password_wrong' as const,
  cause: null,
  sub: randomUUID(),
  client_id: 'app',
  ...more,
})

const rowsOf = (client_id: string) =>
  deployment.database.sql<{ count: number; user_id: string; ip: string | null; details: object }[]>`
    select count, user_id, ip, details from events where kind = 'sign_in.refused' and client_id = ${client_id} order by id`

describe('refused sign-ins', () => {
  it('write a bounded number of rows when ten thousand are refused in a minute, and count every one', async () => {
    const refusals = open()
    const client_id = randomUUID()
    for (let at = 0; at < 10_000; at++) {
      refusals.refused(refusal({ client_id }))
      if (at % 1_000 === 0) await refusals.flush()
    }
    refusals.advance(60)
    await refusals.flush()
    await refusals.flush()
    const rows = await rowsOf(client_id)
    expect(rows).toHaveLength(20 + 200 + 1)
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(10_000)
    expect(rows.at(-1)).toMatchObject({
      count: 9_780,
      ip: null,
      details: { minute: '2026-03-01T12:00:00.000Z' },
    })
  })

  it('keep counts of clients apart, at most of 20', async () => {
    const written: NewEvent[] = []
    const refusals = open(inOne(async events => void written.push(...events)))
    for (let at = 0; at < 20; at++) refusals.refused(refusal({ sub: null }))
    for (let at = 0; at < 100; at++) refusals.refused(refusal({ sub: null, client_id: `client-${at}` }))
    await refusals.finish()
    const counts = written.slice(20)
    expect(counts).toHaveLength(21)
    expect(counts.find(event => event.client_id === null)?.count).toBe(80)
  })

  it('write the first ones of an account singly, though others have used up the reason', async () => {
    const refusals = open()
    const sub = randomUUID()
    const client_id = randomUUID()
    for (let at = 0; at < 30; at++) refusals.refused(refusal({ sub: null, client_id: 'flood' }))
    for (let at = 0; at < 5; at++) refusals.refused(refusal({ sub, client_id }))
    await refusals.flush()
    const rows = await rowsOf(client_id)
    expect(rows.map(({ user_id }) => user_id)).toEqual([sub, sub, sub])
    await refusals.finish()
    expect((await rowsOf(client_id)).at(-1)?.count).toBe(2)
  })

  it('have the origin of the request that was refused, not of the flush', async () => {
    const refusals = open()
    const client_id = randomUUID()
    await onBehalfOf({ actor: null, ip: '192.0.2.9', request_id: 'r' }, async () =>
      refusals.refused(refusal({ client_id })),
    )
    await refusals.flush()
    expect((await rowsOf(client_id)).map(({ ip }) => ip)).toEqual(['192.0.2.9'])
  })

  it('wait for a database that is away, in bounded memory', async () => {
    const written: NewEvent[] = []
    let isAway = true
    const refusals = open(
      inOne(async events => {
        if (isAway) throw new Unavailable('database', 1)
        written.push(...events)
      }),
    )
    for (let minute = 0; minute < 20; minute++) {
      for (let at = 0; at < 500; at++) refusals.refused(refusal())
      await refusals.flush()
      refusals.advance(60)
    }
    isAway = false
    await refusals.flush()
    // Beside those that could not be written: the count of the minute that has just ended.
    expect(written).toHaveLength(2_000 + 1)
    expect(refusals.lines).toMatchObject([{ dropped: expect.any(Number) }])
  })

  it('of other people are written, while those of a batch cannot be', async () => {
    const written: NewEvent[] = []
    let isAway = true
    const refusals = open({
      batches: events => [...groupedBy(events, ({ sub }) => sub).values()],
      write: async events => {
        if (isAway && events.some(({ sub }) => sub === null)) throw new Unavailable('database', 1)
        written.push(...events)
      },
    })
    for (let minute = 0; minute < 150; minute++) {
      for (let at = 0; at < 20; at++) refusals.refused(refusal({ sub: null }))
      refusals.refused(refusal())
      await refusals.flush()
      refusals.advance(60)
    }
    expect(written.filter(({ sub }) => sub !== null)).toHaveLength(150)
    expect(written.filter(({ sub }) => sub === null)).toHaveLength(0)
    isAway = false
    await refusals.flush()
    expect(written.filter(({ sub }) => sub === null)).toHaveLength(2_000)
    const dropped = refusals.lines.map(line => Number(line['dropped'])).reduce((sum, count) => sum + count, 0)
    expect(dropped).toBe(20 * 150 - 2_000)
  })

  describe('at the account API', () => {
    let signet: Instance
    beforeAll(async () => {
      signet = await deployment.start()
    })

    it('are events of the account where it is known, written at the latest when the server stops', async () => {
      const { user } = await signUp(signet, 'refused@b.example')
      await trySignIn(signet, 'refused@b.example', { password: 'not this lantern at all' })
      await trySignIn(signet, 'unknown@b.example', { password: 'not this lantern at all' })
      await signet.close()
      const rows = await deployment.database.sql`
        select user_id, outcome, reason, actor, ip, client_id is not null as has_client, request_id is not null as has_request
        from events where kind = 'sign_in.refused' and reason in ('password_wrong', 'email_unknown') and request_id is not null`
      const known = { outcome: 'refused', actor: null, ip: '127.0.0.1', has_client: true, has_request: true }
      expect(rows).toContainEqual({ ...known, reason: 'password_wrong', user_id: user.id })
      expect(rows.filter(({ reason }) => reason === 'email_unknown')).toHaveLength(1)
    })
  })
})
