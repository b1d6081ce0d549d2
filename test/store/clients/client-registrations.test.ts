import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Digest, digestOf, type Plain } from '../../../src/domain/base/digest.ts'
import { CLIENTS_MOST } from '../../../src/domain/oauth/client.ts'
import { createClientChanges } from '../../../src/store/clients/client-changes.ts'
import { createClientRegistrations } from '../../../src/store/clients/client-registrations.ts'
import { createSweep } from '../../../src/store/janitor.ts'
import {
  backends,
  createDatabaseWithSchema,
  createEmptying,
  hasPostgres,
  type OpenBackend,
  type OwnDatabase,
} from '../../support/backends.ts'
import { type Database, openDatabase, untilWaitingForLock } from '../../support/database.ts'

const secret = (text: string): Digest<'client_secret'> => digestOf(text as Plain<'client_secret'>)
const client = (client_id: string, metadata = '{}') => ({
  client_id,
  metadata,
  client_secret_digest: secret(client_id),
})

describe.each(backends)('the clients of the database ($name)', ({ open }) => {
  let backend: OpenBackend
  let empty: () => Promise<void>
  let registrations: ReturnType<typeof createClientRegistrations>
  let changes: ReturnType<typeof createClientChanges>
  beforeAll(async () => {
    backend = await open()
    empty = await createEmptying(backend.database)
  })
  beforeEach(async () => {
    await empty()
    registrations = createClientRegistrations(backend.database)
    changes = createClientChanges(backend.database)
  })
  afterAll(() => backend.close())

  const versionOf = async (client_id: string) => (await registrations.find(client_id))?.version ?? null
  const create = async (client_id: string) => {
    const created = await registrations.create(client(client_id))
    if (typeof created === 'string') throw new Error(created)
    return created
  }
  const changedSince = async (position: Awaited<ReturnType<typeof changes.readPosition>>) =>
    (await changes.readSince(position))?.client_ids

  it('are created once, and found with what they were created with', async () => {
    expect(await registrations.create(client('a', '{"scope":"read"}'))).toEqual({ version: 1 })
    expect(await registrations.create(client('a'))).toBe('taken')
    expect(await registrations.find('a')).toEqual({
      ...client('a', '{"scope":"read"}'),
      version: 1,
      created_at: expect.any(Date),
      updated_at: expect.any(Date),
      disabled_at: null,
      former_secret: null,
      former_secret_used_at: null,
      secret_used_at: null,
    })
    expect(await registrations.find('b')).toBeNull()
  })

  it('are replaced only in the version that the change was based on', async () => {
    const { version } = await create('a')
    await create('bystander')
    const next = { client_id: 'a', metadata: '{"scope":"write"}', client_secret_digest: null }
    expect(await registrations.replace({ ...next, version: version + 1 })).toBe('changed')
    expect(await registrations.find('a')).toMatchObject(client('a'))
    expect(await registrations.replace({ ...next, version })).toEqual({ version: 3 })
    expect(await registrations.find('a')).toMatchObject(next)
    expect(await registrations.replace({ ...next, version })).toBe('changed')
    expect(await registrations.replace({ ...next, client_id: 'none', version })).toBe('unknown')
    expect(await registrations.find('bystander')).toMatchObject({ ...client('bystander'), version: 2 })
  })

  it('are disabled, enabled and deleted, and an unknown one is said to be unknown', async () => {
    await create('a')
    await create('bystander')
    expect(await registrations.disable('a')).toBe(true)
    const first = (await registrations.find('a'))?.disabled_at
    expect(first).toEqual(expect.any(Date))
    expect(await registrations.disable('a')).toBe(true)
    expect((await registrations.find('a'))?.disabled_at).toEqual(first)
    expect(await registrations.enable('a')).toBe(true)
    expect((await registrations.find('a'))?.disabled_at).toBeNull()
    expect(await registrations.delete('a')).toBe(true)
    expect(await registrations.find('a')).toBeNull()
    for (const change of ['disable', 'enable', 'delete'] as const)
      expect(await registrations[change]('a')).toBe(false)
    expect(await registrations.find('bystander')).toMatchObject({ version: 2, disabled_at: null })
  })

  it('give no version twice, also to a client that has the id of a deleted one', async () => {
    const { version } = await create('a')
    await registrations.delete('a')
    await create('a')
    expect(await versionOf('a')).toBe(version + 2)
    expect(await registrations.replace({ ...client('a'), version })).toBe('changed')
  })

  it('are read a page at a time, each once', async () => {
    const ids = Array.from({ length: 260 }, (_, index) => `c${String(index).padStart(3, '0')}`)
    for (const id of ids) await create(id)
    const seen: string[] = []
    for (let after: string | null = null; ; ) {
      const page: Awaited<ReturnType<typeof registrations.readPage>> = await registrations.readPage(after)
      seen.push(...page.map(({ client_id }) => client_id))
      after = page.at(-1)?.client_id ?? null
      if (after === null) break
    }
    expect(seen).toEqual(ids)
    expect(
      (await changes.findMany(['c001', 'none', 'c259'])).map(({ client_id }) => client_id).toSorted(),
    ).toEqual(['c001', 'c259'])
  })

  it('are refused when there are as many as an instance keeps, and taken again when one is deleted', async () => {
    await create('a')
    await backend.database.run(
      sql => sql`update signet.client_head set clients = ${CLIENTS_MOST - 1} where id = 1`,
    )
    await create('last')
    expect(await registrations.create(client('more'))).toBe('full')
    expect(await registrations.create(client('a'))).toBe('taken')
    expect(await registrations.disable('a')).toBe(true)
    await registrations.delete('a')
    await create('more')
    expect(await registrations.create(client('a'))).toBe('full')
  })

  it('tell a follower each client that changed, in steps, and nothing where nothing did', async () => {
    const start = await changes.readPosition()
    expect(await changedSince(start)).toEqual([])
    await create('a')
    await create('b')
    await registrations.disable('a')
    await registrations.delete('b')
    const step = await changes.readSince(start)
    expect(step?.client_ids).toEqual(['a', 'b'])
    expect(step?.position).toEqual(await changes.readPosition())
    await registrations.disable('none')
    await registrations.create(client('a'))
    expect(await changedSince(await changes.readPosition())).toEqual([])
    if (step === null) throw new Error('no step')
    expect(await changedSince(step.position)).toEqual([])
  })

  it('send a follower back to the start when changes are missing, or are of another past', async () => {
    const start = await changes.readPosition()
    await create('a')
    const first = await changes.readPosition()
    await create('b')
    await backend.database.run(
      sql => sql`update signet.client_changes set expires_at = now() - interval '1 day' where number = 1`,
    )
    const ID = '00000000-0000-7000-8000-000000000001'
    await createSweep(backend.database, { holder: ID })()
    expect(await changedSince(start)).toBeUndefined()
    expect(await changedSince(first)).toEqual(['b'])
    expect(await changedSince({ ...first, tag: ID })).toBeUndefined()
    const last = await changes.readPosition()
    expect(await changedSince({ ...last, tag: ID })).toBeUndefined()
    expect(await changedSince({ ...last, number: last.number + 5 })).toBeUndefined()
    expect(await changedSince(last)).toEqual([])
  })
})

describe.skipIf(!hasPostgres)('changes of clients at once', () => {
  let own: OwnDatabase
  let database: Database
  let registrations: ReturnType<typeof createClientRegistrations>
  let changes: ReturnType<typeof createClientChanges>
  beforeEach(async () => {
    own = await createDatabaseWithSchema()
    database = openDatabase({ url: own.url, pool_size: 10 })
    registrations = createClientRegistrations(database)
    changes = createClientChanges(database)
  })
  afterEach(async () => {
    await database.close()
    await own.drop()
  })

  const countOf = async () => {
    const [row] = await database.sql`
      select h.clients as head, (select count(*)::int from signet.clients) as clients from signet.client_head h`
    return row
  }

  it('create one client of an id, and refuse the others', async () => {
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => registrations.create(client('a'))))
    expect(outcomes.filter(outcome => outcome === 'taken')).toHaveLength(11)
    expect(await countOf()).toEqual({ head: 1, clients: 1 })
  })

  it('replace a version once', async () => {
    await registrations.create(client('a'))
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        registrations.replace({ ...client('a', `{"n":${index}}`), version: 1 }),
      ),
    )
    expect(outcomes.filter(outcome => outcome === 'changed')).toHaveLength(11)
  })

  it('lose no change for a follower, and keep the count, however they cross', async () => {
    const ids = ['a', 'b', 'c']
    let position = await changes.readPosition()
    let isOver = false
    const seen: (readonly string[])[] = []
    const follow = async () => {
      for (;;) {
        const wasOver = isOver
        const step = await changes.readSince(position)
        if (step === null) throw new Error('the follower lost its way')
        position = step.position
        if (step.client_ids.length > 0) seen.push(step.client_ids)
        else if (wasOver) return
      }
    }
    const following = follow()
    const act = async (turn: number) => {
      const client_id = ids[turn % ids.length] ?? ''
      const verbs = [
        () => registrations.create(client(client_id)),
        () => registrations.disable(client_id),
        () => registrations.delete(client_id),
        () => registrations.enable(client_id),
      ]
      await verbs[Math.floor(turn / ids.length) % verbs.length]?.()
    }
    for (let turn = 0; turn < 120; turn += 8)
      await Promise.all(Array.from({ length: 8 }, (_, index) => act(turn + index * 7)))
    isOver = true
    await following
    expect(position).toEqual(await changes.readPosition())
    expect(new Set(seen.flat())).toEqual(new Set(ids))
    const count = await countOf()
    expect(count?.['head']).toBe(count?.['clients'])
  })

  it('show a follower no later change before an earlier one that commits late', async () => {
    await registrations.create(client('a'))
    await registrations.create(client('b'))
    const start = await changes.readPosition()
    const late = await database.sql.reserve()
    await late`begin`
    await late`select from signet.client_head where id = 1 for update`
    const disabling = Promise.all([registrations.disable('a'), registrations.disable('b')])
    await untilWaitingForLock(database, 2)
    expect(await changes.readSince(start)).toEqual({ position: start, client_ids: [] })
    await late`commit`
    late.release()
    await disabling
    expect((await changes.readSince(start))?.client_ids.toSorted()).toEqual(['a', 'b'])
  })
})
