import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backends, type OpenBackend } from '../../support/backends.ts'

describe.each(backends)('arrays on $name', ({ open }) => {
  let backend: OpenBackend
  // The first embedded database of a run is made here, which takes longer than a test may.
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  it('are read as they were written', async () => {
    const { database } = backend
    const strings = [
      '',
      ' ',
      'a b',
      'NULL',
      'null',
      '"',
      '\\',
      '\\"',
      "'",
      ',',
      '{',
      '}',
      '{}',
      'é😀',
      '\n\t',
      'x'.repeat(9000),
    ]
    const echo = async (given: readonly (string | null)[]) => {
      const [row] = await database.run(
        sql => sql<{ given: (string | null)[]; count: number }[]>`
          select given, cardinality(given) as count from (select ${given}::text[] as given) one`,
      )
      return row
    }
    for (const item of strings) expect(await echo([item])).toEqual({ given: [item], count: 1 })
    for (const given of [[], strings, [null], ['a', null, 'b']])
      expect(await echo(given)).toEqual({ given, count: given.length })

    const ids = [randomUUID(), randomUUID()]
    const [row] = await database.run(
      sql => sql`select ${ids}::uuid[] as ids, ${[3, -1, 0]}::int[] as numbers, ${[]}::int[] as nothing`,
    )
    expect(row).toEqual({ ids, numbers: [3, -1, 0], nothing: [] })
  })
})
