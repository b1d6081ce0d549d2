import postgres from 'postgres'
import { createPepper } from '../src/domain/base/pepper.ts'
import { parseRefreshToken } from '../src/domain/sign-in/refresh-token.ts'
import { refreshCallersOf } from './refresh.ts'
import { type Answer, openConnection, type Request } from './support/connection.ts'
import { PEPPER } from './support/families.ts'
import { drive, times } from './support/load.ts'
import type { Bench } from './support/report.ts'
import { median } from './support/statistics.ts'
import { FORM } from './support/world.ts'

const ROUNDS = 9
/** Shorter than a caller waits for its answer, so that every request for the locked row is answered with 200 after its round. */
const SECONDS = 3
const FAMILIES = 12_000
const REQUESTS = 30

/** Refreshes of many families, in turns without and beside thirty requests for one family whose row another transaction holds. */
export const benchLockedRow: Bench = async world => {
  const store = await world.store(FAMILIES)
  const [locked = '', ...tokens] = store.tokens
  const server = await world.startSignet(store, { RATE_LIMIT_REFRESH: 'off' })
  const callers = refreshCallersOf(tokens)
  const measure = async () => (await drive({ port: server.port, seconds: SECONDS, callers })).per_second
  const holder = postgres(store.url, { max: 1, onnotice: () => {} })
  const family_id = parseRefreshToken(locked, [createPepper(PEPPER)])?.family_id ?? ''
  let token = locked

  const measureBeside = async (attempt: number) => {
    await holder`begin`
    await holder`select from refresh_families where id = ${family_id}::uuid for no key update`
    const waiting = sendAtOnce(server.port, refreshOf(token, attempt))
    const rate = await measure()
    await holder`commit`
    const answers = await waiting
    const [first] = answers
    if (first === undefined || answers.some(({ status }) => status !== 200))
      throw new Error(`the locked family: ${answers.map(({ status }) => status).join()}`)
    token = JSON.parse(first.body).refresh_token
    return rate
  }

  await measure()
  const rounds: Readonly<{ free: number; beside: number }>[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    // Each is first in every second round, so that neither profits where the machine becomes quieter.
    if (round % 2 === 0) {
      const free = await measure()
      rounds.push({ free, beside: await measureBeside(round) })
    } else {
      const beside = await measureBeside(round)
      rounds.push({ free: await measure(), beside })
    }
  }
  await holder.end()
  await server.stop()
  return [
    { what: 'refreshes a second', seen: median(rounds.map(({ free }) => free)), unit: '/s' },
    {
      what: 'the same beside the locked family',
      seen: median(rounds.map(({ beside }) => beside)),
      unit: '/s',
    },
    {
      what: 'beside the locked family / without',
      seen: median(rounds.map(({ free, beside }) => beside / free)),
      goal: { least: 0.9 },
    },
  ]
}

/** One attempt of a client, which all requests of a round repeat. */
const refreshOf = (token: string, attempt: number): Request => ({
  path: '/token',
  headers: { ...FORM, 'Idempotency-Key': `attempt-${attempt}` },
  body: `grant_type=refresh_token&refresh_token=${token}`,
})

/** Sends the request over as many connections as there are requests. */
const sendAtOnce = async (port: number, request: Request): Promise<readonly Answer[]> => {
  const connections = times(REQUESTS, () => openConnection(port))
  try {
    return await Promise.all(connections.map(({ send }) => send(request)))
  } finally {
    for (const { close } of connections) close()
  }
}
