import type { Sql } from 'postgres'
import { claimsOf, outcomeOf, signIn, signUp, type Tokens, trySignUp } from '../accounts/account-api.ts'
import { codesOf } from '../accounts/factors.ts'
import type { Body } from '../answer.ts'
import { type Askable, newEmail } from '../ask.ts'
import { createClock } from '../effects.ts'
import type { Stage } from './stage.ts'

/** The people of one worker of Citus, each with sign-ins that other people of the worker do not use. */
export type Residents = Readonly<{
  /** Signs in, refreshes, introspects, revokes and signs out. */
  plain: Resident & Readonly<{ kept: Body; refreshed: Body; revoked: Body; signedOut: Body }>
  /** Signs out everywhere. */
  leaving: Resident & Readonly<{ other: Body }>
  /** Changes the password. */
  changing: Resident & Readonly<{ other: Body }>
  /** Has a second factor. */
  factored: Resident & Readonly<{ secret: string; recovery_codes: readonly string[] }>
}>

/** `tokens`: those of the registration, for the account API. */
export type Resident = Readonly<{ email: string; sub: string; tokens: Body }>

/** Of a client whose tokens are introspected and revoked. */
const APP = { client_id: 'app' }
const PEOPLE_OF_WORKER = 4

/** Registers people until each worker has its residents. The keys are the ports of the workers. */
export const registerResidents = async (
  { database, instances: [server] }: Stage,
  ports: readonly number[],
): Promise<ReadonlyMap<number, Residents>> => {
  const people = new Map<number, Resident[]>(ports.map(port => [port, []]))
  while ([...people.values()].some(own => own.length < PEOPLE_OF_WORKER)) {
    const email = newEmail()
    const tokens = await signUp(server, email)
    const sub = subOf(tokens)
    people.get(await portOfPerson(database.sql, sub))?.push({ email, sub, tokens })
  }
  const settled = new Map<number, Residents>()
  for (const [port, own] of people) settled.set(port, await settle(server, own))
  return settled
}

const settle = async (server: Askable, people: readonly Resident[]): Promise<Residents> => {
  const [plain, leaving, changing, factored] = people
  if (plain === undefined || leaving === undefined || changing === undefined || factored === undefined)
    throw new Error('a worker has too few people')
  return {
    plain: {
      ...plain,
      kept: await signIn(server, plain.email, APP),
      refreshed: await signIn(server, plain.email, APP),
      revoked: await signIn(server, plain.email, APP),
      signedOut: await signIn(server, plain.email),
    },
    leaving: { ...leaving, other: await signIn(server, leaving.email, APP) },
    changing: { ...changing, other: await signIn(server, changing.email, APP) },
    factored: { ...factored, ...(await enrol(server, factored.tokens)) },
  }
}

/** Adds a TOTP. */
const enrol = async (server: Askable, { access_token, refresh_token }: Tokens) => {
  const begun = await server.ask('/auth/factors/totp', { token: access_token, body: { refresh_token } })
  const { secret, handle } = begun.body
  const confirmed = await server.ask('/auth/factors/totp/confirm', {
    token: access_token,
    body: { handle, totp: codesOf(secret, createClock())() },
  })
  return { secret, recovery_codes: confirmed.body.recovery_codes }
}

export const subOf = ({ access_token }: Pick<Body, 'access_token'>): string =>
  String(claimsOf(access_token)['sub'])

/** The port of the worker that has the rows of this person, as the coordinator knows it. */
export const portOfPerson = async (sql: Sql, sub: string): Promise<number> => {
  const [place] = await sql<{ port: number }[]>`
    select nodeport as port
    from pg_dist_placement
    join pg_dist_node using (groupid)
    where shardid = get_shard_id_for_distribution_column('signet.users', ${sub}::uuid)`
  if (place === undefined) throw new Error('a person without a worker')
  return place.port
}

/** Registers this many addresses at once. Returns the outcome of each, and the person where there is one. */
export const tryRegistrations = (server: Askable, emails: readonly string[]) =>
  Promise.all(
    emails.map(async email => {
      const answer = await trySignUp(server, email)
      return { email, outcome: outcomeOf(answer), sub: answer.status === 201 ? subOf(answer.body) : null }
    }),
  )
