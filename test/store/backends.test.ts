import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backends, createRedis, hasRedis, type OpenBackend } from '../support/backends.ts'

describe.each(backends)('the store on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  it('answers with the types that the verbs expect', async () => {
    const [row] = await backend.database.run(
      sql =>
        sql`select now() as instant, '\\x00ff'::bytea as bytes, array['a', 'b'] as list, 7 as whole, null as none, true as yes`,
    )
    expect(row).toEqual({
      instant: expect.any(Date),
      bytes: Buffer.from([0, 255]),
      list: ['a', 'b'],
      whole: 7,
      none: null,
      yes: true,
    })
  })

  it('has every table and no rows', async () => {
    const [row] = await backend.database.run(sql => sql`select count(*)::int as rows from refresh_families`)
    expect(row).toEqual({ rows: 0 })
  })
})

describe.skipIf(!hasRedis)('the Redis of a test file', () => {
  it('is empty and its own', async () => {
    const [first, second] = await Promise.all([createRedis(), createRedis()])
    expect(first.url).not.toBe(second.url)
  })
})
