import { randomUUID } from 'node:crypto'
import { hashSync } from 'bcryptjs'
import { type Connection, openConnection } from './support/connection.ts'
import { times } from './support/load.ts'
import type { Bench, Row } from './support/report.ts'
import { mannWhitney, median } from './support/statistics.ts'
import type { Store, World } from './support/world.ts'

const SAMPLES = 500
const COST = 10
const PASSWORD = 'correct horse battery'
const GUESS = 'wrong horse battery'

/** A kind of account, or an e-mail without an account when `digest` is null. Every sample uses an e-mail of its own. */
type Kind = Readonly<{ name: string; digest: string | null; isDisabled?: boolean; guess?: string }>

const UNKNOWN: Kind = { name: 'unknown e-mail', digest: null }
const TODAY = hashSync(PASSWORD, COST)
const OWN: readonly Kind[] = [
  { name: 'wrong password', digest: TODAY },
  { name: 'disabled, right password', digest: TODAY, isDisabled: true, guess: PASSWORD },
  { name: 'bcrypt of cost 8', digest: hashSync(PASSWORD, 8) },
]
const IMPORTED: readonly Kind[] = [
  { name: 'PBKDF2, 27,500 rounds', digest: `$pbkdf2-sha256$i=27500$c29tZXNhbHQ$${'a'.repeat(43)}` },
  { name: 'bcrypt of cost 11', digest: hashSync(PASSWORD, 11) },
]

/** Whether the time of a refused sign-in distinguishes an account from an e-mail without an account. */
const measure = async (
  world: World,
  kinds: readonly Kind[],
  connections: number,
): Promise<readonly Row[]> => {
  const store = await world.store(10_000)
  const all = [UNKNOWN, ...kinds].map(kind => ({ kind, run: randomUUID(), milliseconds: [] as number[] }))
  for (const { kind, run } of all) await fill(store, kind, run)
  const server = await world.startSignet(store, { PASSWORD_COST: String(COST) })
  const callers = times(connections, () => openConnection(server.port))
  const warm = openConnection(server.port)
  const refused = async (caller: Connection, { guess = GUESS }: Kind, email: string) => {
    const body = JSON.stringify({ email, password: guess })
    const started = performance.now()
    const { status } = await caller.send({ path: '/auth/login', headers: JSON_HEADERS, body })
    if (status !== 401) throw new Error(`a sign-in that had to be refused: ${status}`)
    return performance.now() - started
  }
  for (const { kind } of all.toReversed()) await refused(warm, kind, `${randomUUID()}@warm.example`)
  for (const { kind, run } of all) await refused(warm, kind, emailOf(run, SAMPLES))
  warm.close()
  const turns = Array.from({ length: SAMPLES }, (_, sample) =>
    shuffle(all).map(each => ({ ...each, sample })),
  ).flat()
  await Promise.all(
    callers.map(async caller => {
      for (let turn = turns.shift(); turn !== undefined; turn = turns.shift())
        turn.milliseconds.push(await refused(caller, turn.kind, emailOf(turn.run, turn.sample)))
      caller.close()
    }),
  )
  await server.stop()
  const [unknown, ...known] = all.map(({ kind, milliseconds }) => ({ ...kind, milliseconds }))
  if (unknown === undefined) throw new Error('nothing was measured')
  return [
    { what: `${unknown.name}: p50`, seen: median(unknown.milliseconds), unit: 'ms' },
    ...known.flatMap(({ name, milliseconds }): Row[] => [
      { what: `${name}: p50`, seen: median(milliseconds), unit: 'ms' },
      {
        what: `${name} against ${unknown.name}: p of Mann-Whitney's test`,
        seen: mannWhitney(milliseconds, unknown.milliseconds),
        goal: { least: 0.01 },
      },
    ]),
    {
      what: 'the test would have told a shift of',
      seen: smallestShift(unknown.milliseconds, known[0]?.milliseconds ?? []),
      unit: 'ms',
    },
  ]
}

const JSON_HEADERS = { 'Content-Type': 'application/json' }

const emailOf = (run: string, sample: number) => `p${sample}.${run}@timing.example`

const fill = async ({ sql }: Store, { digest, isDisabled = false }: Kind, run: string) => {
  if (digest === null) return
  await sql`
    insert into users (id, email, roles, password_digest, disabled_at)
    select gen_random_uuid(), 'p' || n || '.' || ${run} || '@timing.example', '{user}', ${digest},
      case when ${isDisabled}::boolean then now() end
    from generate_series(0, ${SAMPLES}::int) n`
}

/** A random order, so that no kind always follows the same other kind. */
const shuffle = <T>(values: readonly T[]): readonly T[] =>
  values
    .map(value => ({ value, at: Math.random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ value }) => value)

/** The smallest shift in milliseconds that the test would have detected under the noise of this machine. */
const smallestShift = (a: readonly number[], b: readonly number[]): number => {
  const shifts = Array.from({ length: 500 }, (_, step) => (step + 1) / 20)
  const isTold = (by: number) =>
    mannWhitney(
      a.map(value => value + by),
      b,
    ) < 0.01
  return shifts.find(isTold) ?? Number.POSITIVE_INFINITY
}

export const benchSignInTiming: Bench = world => measure(world, OWN, 1)
/** Refusals wait for a timer in this benchmark: several connections at once do not slow each other. */
export const benchSignInTimingImported: Bench = world => measure(world, IMPORTED, 3)
