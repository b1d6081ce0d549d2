import { randomBytes, randomUUID } from 'node:crypto'
import { digestOf } from '../../src/domain/base/digest.ts'
import { createPepper } from '../../src/domain/base/pepper.ts'
import { refreshTokenAt } from '../../src/domain/sign-in/refresh-token.ts'
import type { Rotation } from '../../src/domain/sign-in/refresh-verdict.ts'
import { createRefreshFamilies } from '../../src/store/families/refresh-families.ts'
import type { Database } from './database.ts'

const LIFETIMES = { idle_seconds: 3600, max_seconds: 86_400, access_token_seconds: 900 }
const pepper = createPepper(randomBytes(32))
const source = { ip: '127.0.0.1', user_agent: null }

type OpenSignIn = (database: Database) => Promise<{ refresh: () => Promise<Pick<Rotation, 'outcome'>> }>

/** One sign-in straight on the store, to be refreshed while something else goes on. */
export const openSignIn = async (database: Database): Promise<{ refresh: () => Promise<Rotation> }> => {
  const families = createRefreshFamilies(database, LIFETIMES)
  const user_id = randomUUID()
  await database.sql`insert into users (id, email, roles) values (${user_id}, ${user_id}, '{}')`
  const family_id = randomUUID()
  const salt = randomBytes(16)
  const at = (generation: number) => {
    const token = refreshTokenAt({ family_id, salt, generation }, pepper)
    return { family_id, salt, generation, digest: digestOf(token) }
  }
  await families.open({
    id: family_id,
    user_id,
    credential_epoch: 0,
    client_id: 'c',
    scope: '',
    audience: [],
    amr: [],
    refresh_transport: 'body',
    salt,
    pepper_id: pepper.id,
    token_digest: at(0).digest,
    source,
  })
  let generation = 0
  const refresh = () => {
    const presented = at(generation++)
    return families.rotate({
      ...presented,
      client_id: 'c',
      refresh_transport: 'body',
      sender_key: null,
      scope: null,
      resources: [],
      retry_proof: null,
      grace_seconds: 0,
      successor: { pepper_id: pepper.id, digest: at(generation).digest },
      source,
    })
  }
  return { refresh }
}

/** As the first version wrote and rotated one: it names no column that came later. */
export const openOldestSignIn: OpenSignIn = async ({ sql }) => {
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

/** Refreshes until told to stop; tells the outcomes, and the longest time that one took. */
export const keepRefreshing = (database: Database, open: OpenSignIn = openSignIn) => {
  const stopping = new AbortController()
  const outcomes = new Map<string, number>()
  let slowest_milliseconds = 0
  const run = async () => {
    const { refresh } = await open(database)
    // Once at least, or it would have stood in nobody's way.
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
