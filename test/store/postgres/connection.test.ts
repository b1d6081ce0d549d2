import postgres from 'postgres'
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { createConnection, type SourceEvents } from '../../../src/store/postgres/connection.ts'
import { createQualify, tag } from '../../../src/store/postgres/qualify.ts'
import { hasPostgres } from '../../support/backends.ts'

/** A connection to the database of the tests. Each verification is a statement; the next ones fail as often as the test says. */
const open = (url: string) => {
  let verifications = 0
  let failures = 0
  let events: SourceEvents = { onClose: () => {}, onDoubt: () => {} }
  const { hostname: host, port } = new URL(url)
  const connection = createConnection(
    given => {
      events = given
      return {
        create: () => tag(postgres(url, { max: 1 }), createQualify('public')),
        verify: async sql => {
          verifications++
          await sql`select ${failures > 0 ? 'x' : '1'}::text::int`.finally(() => {
            failures = Math.max(0, failures - 1)
          })
        },
        isEnding: () => false,
        address: () => ({ host, port: Number(port) }),
        failOver: () => {},
        destroy: () => {},
      }
    },
    { onRelease: () => {}, onAbandon: () => {}, onClose: () => {} },
  )
  onTestFinished(() => connection.end({ timeout: 1 }))
  return {
    ask: () => connection.send(sql => sql<{ one: number }[]>`select 1 as one`).answer,
    refused: () =>
      expect(connection.send(sql => sql`select 'x'::text::int`).answer).rejects.toThrow(/integer/),
    doubt: () => events.onDoubt(),
    failNext: () => {
      failures = 1
    },
    verifications: () => verifications,
  }
}

describe.skipIf(!hasPostgres)('a connection', () => {
  let url: string
  beforeAll(() => {
    url = inject('postgres')?.url ?? ''
  })

  it('is verified when it opens and when it is doubted, and at no other time', async () => {
    const { ask, doubt, verifications } = open(url)
    for (let turn = 0; turn < 3; turn++) expect(await ask()).toEqual([{ one: 1 }])
    expect(verifications()).toBe(1)
    doubt()
    for (let turn = 0; turn < 3; turn++) expect(await ask()).toEqual([{ one: 1 }])
    expect(verifications()).toBe(2)
  })

  it('gets no statement after a verification that has failed without its end, until it is verified', async () => {
    const { ask, doubt, failNext, verifications } = open(url)
    await ask()
    doubt()
    failNext()
    await expect(ask()).rejects.toThrow(/integer/)
    expect(await ask()).toEqual([{ one: 1 }])
    expect(verifications()).toBe(3)
    await ask()
    expect(verifications()).toBe(3)
  })

  it('needs no other verification after a statement that has failed', async () => {
    const { ask, refused, verifications } = open(url)
    await ask()
    await refused()
    expect(await ask()).toEqual([{ one: 1 }])
    expect(verifications()).toBe(1)
  })
})
