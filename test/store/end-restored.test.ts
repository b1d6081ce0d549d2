import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endRestored } from '../../src/store/end-restored.ts'
import { createEvents } from '../../src/store/events/events.ts'
import { backends, type OpenBackend } from '../support/backends.ts'

describe.each(backends)('a restored database on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  it('trusts no known device, because a lost change of password may have ended the trust', async () => {
    const { sql } = backend.database
    const id = randomUUID()
    await sql`insert into users (id, email, roles) values (${id}, ${id}, '{}')`
    expect(await endRestored(backend.database)).toMatchObject({ accounts: 1 })
    expect(await sql`select credential_epoch, device_epoch from users where id = ${id}`).toEqual([
      { credential_epoch: 1, device_epoch: 1000 },
    ])
  })

  it('goes on with an event that says so, under a number that the lost past has not given', async () => {
    const events = createEvents(backend.database)
    await events.write([{ kind: 'key.created' }])
    await events.place()
    const { last } = await events.readBounds(null)
    const { accounts } = await endRestored(backend.database)
    const portion = await events.readStream(last, 10)
    const number = last.number + 1_000_000_001
    expect(portion?.events).toMatchObject([
      { kind: 'database.restored', number, sub: null, details: { accounts, sign_ins: 0 } },
    ])
    expect((await events.readBounds(null)).last).toEqual(portion?.last)
  })
})
