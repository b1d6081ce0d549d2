import { describe, expect, it } from 'vitest'
import {
  createCsvScanner,
  createJsonScanner,
  parseCsvRow,
  type Scanner,
  splitRecords,
} from '../../../src/cli/terminal/records.ts'

const split = async (text: string, createScanner: () => Scanner, chunk_bytes: number, max_bytes = 1_000) => {
  const bytes = Buffer.from(text)
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += chunk_bytes) yield bytes.subarray(at, at + chunk_bytes)
  }
  const taken: Uint8Array[] = []
  const records: (readonly [string | null, number, number])[] = []
  const take = (part: Uint8Array) => void taken.push(Buffer.from(part))
  for await (const { bytes: record, line } of splitRecords(chunks(), { createScanner, max_bytes, take }))
    records.push([record && record.toString(), line, Buffer.concat(taken).length])
  expect(Buffer.concat(taken).toString()).toBe(text)
  return records
}
const CHUNKS = [1, 2, 7, 1_000]

describe('records of JSON (RFC 8259)', () => {
  it.each(CHUNKS)('are found in each of its forms, in chunks of %d bytes', async size => {
    const [a, b] = ['{"a":"}\\"{[","b":[{"c":{}}]}', '{"users":[{"x":1}]}']
    const json = (member: string | null) => () => createJsonScanner(member)
    const texts = async (text: string, member: string | null) =>
      (await split(text, json(member), size)).map(([record, line]) => [record, line])
    expect(await texts(`${a}\n${b}\n`, null)).toEqual([
      [a, 1],
      [b, 2],
    ])
    expect(await texts(`[\n${a},\n${b}]`, null)).toEqual([
      [a, 2],
      [b, 3],
    ])
    const realm = `{"x":[${a}],"y":{"users":[${a}]},"z":"users",\n"users" : [${b},${a}],"w":[${a}]}`
    expect(await texts(realm, 'users')).toEqual([
      [b, 2],
      [a, 2],
    ])
    expect(await texts(`[${a}]`, 'users')).toEqual([[a, 1]])
  })

  it.each(CHUNKS)('have every byte up to their end taken before, in chunks of %d bytes', async size => {
    const taken = await split('[{"a":1}, {"b":2}]', () => createJsonScanner(null), size)
    expect(taken.map(([, , bytes]) => bytes)).toEqual([8, 17])
  })

  it('that never end, or are too long, are null or cut, and hold up no other one', async () => {
    const long = `{"a":"${'x'.repeat(100)}"}`
    const records = await split(`[${long},{"b":1},{"c":`, () => createJsonScanner(null), 7, 50)
    expect(records.map(([record]) => record)).toEqual([null, '{"b":1}', '{"c":'])
  })

  it.each([
    ['between two records', '[{"a":1},'],
    ['by a quote', '[{"a":1}," {"b":2}]'],
    ['by a bracket', '[{"a":1}]]{"b":2}'],
  ])('end with an empty one where the input is broken %s', async (_, text) => {
    const records = await split(text, () => createJsonScanner(null), 7)
    expect(records.map(([record]) => record)).toEqual(['{"a":1}', ''])
  })
})

describe('records of CSV (RFC 4180)', () => {
  it.each(CHUNKS)('are rows, also with quoted line feeds, in chunks of %d bytes', async size => {
    const rows = await split('a,b\r\n"x\ny","z ""q"""\n\n,\nlast,row', createCsvScanner, size)
    expect(rows.map(([row, line]) => [parseCsvRow(row ?? ''), line])).toEqual([
      [['a', 'b'], 1],
      [['x\ny', 'z "q"'], 2],
      [['', ''], 5],
      [['last', 'row'], 6],
    ])
  })

  it.each(CHUNKS)(
    'keep to their lines where a quote is not at the start of a field, in chunks of %d bytes',
    async size => {
      const rows = [
        '1,5" nail,x',
        '2,Ada "The" L,y',
        '3,"Lovelace, "Ada"",z',
        '4,"a ""b"", c",w',
        '5,plain,v',
      ]
      const read = await split(`${rows.join('\n')}\n`, createCsvScanner, size)
      expect(read.map(([row, line]) => [row, line])).toEqual(rows.map((row, index) => [row, index + 1]))
      expect(rows.map(row => parseCsvRow(row)?.[0] ?? null)).toEqual([null, null, null, '4', '5'])
    },
  )

  it.each(['"open', 'a"b,c', '"a"b'])('refuse %s', row => {
    expect(parseCsvRow(row)).toBeNull()
  })
})
