import { randomBytes, randomUUID } from 'node:crypto'
import { digestOf } from '../../src/domain/base/digest.ts'
import type { Rotation } from '../../src/domain/sign-in/refresh-verdict.ts'
import { createRefreshFamilies } from '../../src/store/families/refresh-families.ts'
import { PEPPER } from './clients.ts'
import type { Database } from './database.ts'
import { LIFETIMES, pepperOf, seedFamily } from './families.ts'

type Refreshable = Readonly<{ refresh: () => Promise<Pick<Rotation, 'outcome'>> }>
type SeedRotatingFamily = (database: Database) => Promise<Refreshable>

/** A family that is opened and rotated by the verbs of the store, without a server. */
export const seedRotatingFamily = async (
  database: Database,
): Promise<Readonly<{ refresh: () => Promise<Rotation> }>> => {
  const user_id = randomUUID()
  await database.sql`insert into users (id, email, roles) values (${user_id}, ${user_id}, '{}')`
  const { id, salt, tokenAt } = await seedFamily({ database, pepper: PEPPER }, { user_id })
  const families = createRefreshFamilies(database, LIFETIMES)
  let generation = 0
  const refresh = () => {
    const presented = generation++
    return families.rotate({
      family_id: id,
      user_id: null,
      salt,
      generation: presented,
      digest: digestOf(tokenAt(presented)),
      client_id: 'app',
      refresh_transport: 'body',
      sender_key: null,
      scope: null,
      resources: [],
      retry_proof: null,
      grace_seconds: 0,
      successor: { pepper_id: pepperOf(PEPPER).id, digest: digestOf(tokenAt(generation)) },
      source: { ip: '127.0.0.1', user_agent: null, request_id: 'test' },
    })
  }
  return { refresh }
}

/** A family that is opened and rotated as the first version did: its statements name no later column. */
export const seedOldestRotatingFamily: SeedRotatingFamily = async ({ sql }) => {
  const [user_id, id] = [randomUUID(), randomUUID()]
  await sql`insert into users (id, email, roles) values (${user_id}, ${user_id}, '{}')`
  await sql`
    insert into refresh_families (
      id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
      idle_expires_at, expires_at
    )
    values (
      ${id}, ${user_id}, 0, 'c', '', '{}', now(), '{}', ${randomBytes(16)}, 1, ${randomBytes(32)},
      now() + interval '1 hour', now() + interval '1 day'
    )`
  const refresh = async (): Promise<Pick<Rotation, 'outcome'>> => {
    const rotated = await sql`
      update refresh_families
      set generation = generation + 1, token_digest = ${randomBytes(32)}, rotated_at = statement_timestamp()
      where id = ${id}`
    return rotated.count === 1 ? { outcome: 'rotated' } : { outcome: 'denied' }
  }
  return { refresh }
}

/** Refreshes four families until it is stopped. Returns the outcomes, and the longest time of one refresh. */
export const keepRefreshing = (database: Database, open: SeedRotatingFamily = seedRotatingFamily) => {
  const stopping = new AbortController()
  const outcomes = new Map<string, number>()
  let slowest_milliseconds = 0
  const run = async () => {
    const { refresh } = await open(database)
    // At least once, or the test would have proved nothing.
    do {
      const began = performance.now()
      const { outcome } = await refresh()
      slowest_milliseconds = Math.max(slowest_milliseconds, performance.now() - began)
      outcomes.set(outcome, 1 + (outcomes.get(outcome) ?? 0))
    } while (!stopping.signal.aborted)
  }
  const running = Promise.all(Array.from({ length: 4 }, run))
  return async () => {
    stopping.abort()
    await running
    return { outcomes, slowest_milliseconds }
  }
}
