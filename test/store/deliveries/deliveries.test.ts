import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Delivery } from '../../../src/domain/outbound/delivery.ts'
import { createDeliveries } from '../../../src/store/deliveries/deliveries.ts'
import { makeDue, seedDelivery, waitingFor } from '../../support/authorization/deliveries.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'

describe.each(backends)('deliveries, on $name', ({ open }) => {
  let backend: OpenBackend
  let deliveries: ReturnType<typeof createDeliveries>
  beforeAll(async () => {
    backend = await open()
    deliveries = createDeliveries(backend.database)
  })
  afterAll(() => backend.close())

  const seed = async (receiver: string, count: number) => {
    const ids: string[] = []
    for (let number = 0; number < count; number++)
      ids.push((await seedDelivery(backend.database, receiver)).id)
    return ids
  }
  const idsOf = (claimed: readonly Delivery[]) => claimed.map(({ id }) => id).toSorted()
  const countOf = async (receiver: string) => (await waitingFor(backend.database, receiver)).length

  it('are claimed a few a receiver, the oldest first, until none is left', async () => {
    const [many, few] = [await seed('many', 6), await seed('few', 2)]
    const first = await deliveries.claim({ except: [], limit: 100 })
    expect(idsOf(first)).toEqual([...many.slice(0, 4), ...few].toSorted())
    expect(first[0]).toMatchObject({ kind: 'backchannel_logout', attempts: 1 })
    expect(first.every(({ seconds_left }) => seconds_left > 86_000 && seconds_left <= 86_400)).toBe(true)
    expect(idsOf(await deliveries.claim({ except: ['many'], limit: 100 }))).toEqual([])
    expect(idsOf(await deliveries.claim({ except: [], limit: 1 }))).toEqual(many.slice(4, 5))
    expect(idsOf(await deliveries.claim({ except: [], limit: 100 }))).toEqual(many.slice(5))
    expect(await deliveries.claim({ except: [], limit: 100 })).toEqual([])
    for (const delivery of first) await deliveries.finish(delivery)
    expect([await countOf('many'), await countOf('few')]).toEqual([2, 0])
  })

  it('belong to one of two instances that claim at once', async () => {
    const ids = await seed('raced', 4)
    const claims = await Promise.all(
      Array.from({ length: 6 }, () => deliveries.claim({ except: ['many'], limit: 100 })),
    )
    expect(idsOf(claims.flat())).toEqual(ids.toSorted())
  })

  it('are due again when a claim ends without a word, and its late word changes nothing', async () => {
    await seed('left', 1)
    const [first] = await deliveries.claim({ except: ['many', 'raced'], limit: 100 })
    await makeDue(backend.database, 'left')
    const [second] = await deliveries.claim({ except: ['many', 'raced'], limit: 100 })
    if (first === undefined || second === undefined) throw new Error('not claimed')
    expect([second.id, second.attempts]).toEqual([first.id, 2])
    await deliveries.postpone(first, 0)
    expect(await waitingFor(backend.database, 'left')).toMatchObject([{ is_due: false }])
    await deliveries.postpone(second, 0)
    expect(await waitingFor(backend.database, 'left')).toMatchObject([{ is_due: true, attempts: 2 }])
    await deliveries.finish(second)
    expect(await countOf('left')).toBe(0)
  })

  it('are claimed until they expire, and their age is known', async () => {
    await backend.database.sql`delete from deliveries`
    expect(await deliveries.oldestSeconds()).toBeNull()
    await seed('old', 1)
    const { sql } = backend.database
    await sql`update deliveries set expires_at = now() + interval '10 seconds'`
    expect(await deliveries.oldestSeconds()).toBeGreaterThan(86_380)
    expect(await deliveries.claim({ except: [], limit: 100 })).toHaveLength(1)
    await sql`update deliveries set due_at = now(), expires_at = now()`
    expect(await deliveries.claim({ except: [], limit: 100 })).toEqual([])
    expect(await deliveries.oldestSeconds()).toBeNull()
  })
})
