import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { OWN_ORIGIN } from '../src/domain/events/event.ts'
import type { Presentation } from '../src/domain/sign-in/refresh-family.ts'
import { createRefreshFamilies } from '../src/store/families/refresh-families.ts'
import { openDatabase } from '../src/store/postgres/database.ts'
import { createQualify, tag } from '../src/store/postgres/qualify.ts'
import { CLIENT_ID, FAMILY_ID_SQL, familyId, PEPPER_ID, positionOf, ZERO_DIGEST } from './support/families.ts'
import { times } from './support/load.ts'
import type { Bench, Row } from './support/report.ts'
import { writeSetting } from './support/server.ts'
import { median } from './support/statistics.ts'
import type { Store, World } from './support/world.ts'

const CONNECTIONS = 16
const SECONDS = 4
const ROUNDS = 3
const LIFETIMES = { idle_seconds: 604_800, max_seconds: 2_592_000, access_token_seconds: 900 }

/** Every digest is zeros, before and after a rotation: only the statement is measured, and pgbench can send the same one. */
const presentationOf = (number: number, generation: number, user_id: string | null = null): Presentation => ({
  ...positionOf(number, generation),
  user_id,
  digest: ZERO_DIGEST,
  client_id: CLIENT_ID,
  refresh_transport: 'body',
  sender_key: null,
  scope: null,
  resources: [],
  retry_proof: null,
  grace_seconds: 0,
  successor: { pepper_id: PEPPER_ID, digest: ZERO_DIGEST },
  source: { ip: '127.0.0.1', request_id: 'bench', user_agent: 'bench' },
})

/** Rotations a second from Node, and from pgbench with the same statement and as many connections. */
const measure = async (world: World, families: number): Promise<readonly Row[]> => {
  const store = await world.store(families)
  const script = writeSetting('rotate.sql', '')
  const text = await pgbenchScript(store, families)
  writeFileSync(script, text)
  const rounds: { node: number; pgbench: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    await reset(store)
    const node = await rotateFromNode(store, families)
    await reset(store)
    rounds.push({ node, pgbench: await rotateFromPgbench(world, store, script) })
  }
  return [
    { what: 'pgbench, rotations a second', seen: median(rounds.map(({ pgbench }) => pgbench)), unit: '/s' },
    { what: 'Node, rotations a second', seen: median(rounds.map(({ node }) => node)), unit: '/s' },
    {
      what: 'Node / pgbench',
      seen: median(rounds.map(({ node, pgbench }) => node / pgbench)),
      goal: { least: 0.4 },
    },
    {
      what: 'sequential scans in the plan of the statement',
      seen: await countSequentialScans(store, text),
      goal: { most: 0 },
    },
  ]
}

const countSequentialScans = async ({ sql }: Store, script: string): Promise<number> => {
  const statement = script.split('\n').at(-1)?.replaceAll(':number', '1').replaceAll(':generation', '0')
  const plan = await sql.unsafe<{ 'QUERY PLAN': string }[]>(`explain ${statement}`)
  // A scan of a common table expression reads one row; only a scan of a table counts.
  return plan.filter(line => /Seq Scan on/.test(line['QUERY PLAN'])).length
}

/** Sets the rotated families back to generation 0. Only this benchmark rotates families whose digest is zeros. */
export const reset = async ({ sql }: Pick<Store, 'sql'>) => {
  await sql`update refresh_families set generation = 0 where token_digest = ${ZERO_DIGEST} and generation > 0`
  await sql`vacuum refresh_families`
  await sql`checkpoint`
}

/** Each connection rotates the odd numbers of its own range. */
const numberOf = (connection: number, step: number, each: number) =>
  (connection * each + (step % each)) * 2 + 1
const eachOf = (families: number) => Math.floor(families / 2 / CONNECTIONS)

const rotateFromNode = async ({ url }: Store, families: number): Promise<number> =>
  (await rotateFor(SECONDS, { url, families })).per_second

type Rotations = Readonly<{ url: string; families: number; ownerOf?: (number: number) => string }>

/** Rotations by the verb of the store. `ownerOf`: the person whom the token of a family names. */
export const rotateFor = async (
  duration_seconds: number,
  { url, families, ownerOf }: Rotations,
): Promise<{ per_second: number; rotations: number }> => {
  const database = openDatabase({ url, pool_size: CONNECTIONS })
  const store = createRefreshFamilies(database, LIFETIMES)
  const each = eachOf(families)
  await Promise.all(times(CONNECTIONS, () => database.ping()))
  const started = performance.now()
  const deadline = started + duration_seconds * 1000
  const counts = await Promise.all(
    times(CONNECTIONS, async connection => {
      let step = 0
      for (; performance.now() < deadline; step++) {
        const number = numberOf(connection, step, each)
        const presentation = presentationOf(number, Math.floor(step / each), ownerOf?.(number) ?? null)
        const { outcome } = await store.rotate(presentation)
        if (outcome !== 'rotated') throw new Error(`${presentation.family_id}: ${outcome}`)
      }
      return step
    }),
  )
  const seconds = (performance.now() - started) / 1000
  await database.close()
  const rotations = counts.reduce((sum, count) => sum + count, 0)
  return { rotations, per_second: rotations / seconds }
}

const rotateFromPgbench = async ({ binaries }: World, { url }: Store, script: string): Promise<number> => {
  const words = `-n -M prepared -c ${CONNECTIONS} -j 2 -T ${SECONDS} -D step=-1 -f ${script}`.split(' ')
  const { stdout } = await promisify(execFile)(`${binaries}/pgbench`, [...words, url])
  return Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
}

/** The statement that the driver sends for one rotation, with its parameters inlined; pgbench fills in family and generation. */
const pgbenchScript = async ({ url }: Store, families: number): Promise<string> => {
  // No family has this number: only the text of the statement is needed.
  const nobody = 999_999_999
  const generation = 7_777_777
  const { text, parameters } = await statementOf(url, presentationOf(nobody, generation))
  const each = eachOf(families)
  const body = text
    .replaceAll(/\$(\d+)/g, (_, index) => literal(parameters[Number(index) - 1]))
    .replace(familyId(nobody), `' || ${FAMILY_ID_SQL(':number')} || '`)
    .replace(String(generation), "' || :generation || '")
  return [
    `\\set each ${each}`,
    '\\set step :step + 1',
    '\\set number (:client_id * :each + :step % :each) * 2 + 1',
    '\\set generation :step / :each',
    `${body.replaceAll(/\s+/g, ' ').trim()};`,
  ].join('\n')
}

/** Indented JSON has a space after each colon: pgbench would take `:null` for a variable. */
const literal = (value: unknown): string =>
  typeof value === 'number' ? String(value) : `('${JSON.stringify(value, null, 1)}')::jsonb`

const statementOf = async (url: string, presentation: Presentation) => {
  let seen: { text: string; parameters: readonly unknown[] } | undefined
  const client = postgres(url, {
    max: 1,
    debug: (_, text, parameters) => {
      // The driver reads types before this statement, and the store looks up the missing family again after it.
      if (text.includes('presented')) seen ??= { text, parameters: [...parameters] }
    },
  })
  const { sql } = tag(client, createQualify('public'))
  // Numbers that pgbench can repeat: four seconds, and a deadline that no run reaches.
  const [seconds_left, deadline] = [sql.typed(4, 701), sql.typed(4e9, 701)]
  const caller = {
    seconds_left,
    deadline: () => deadline,
    isWaiting: () => true,
    origin: OWN_ORIGIN,
    isDistributed: false,
  }
  const database = {
    run: async <T>(query: (with_: typeof sql, by: typeof caller) => Promise<T>) => query(sql, caller),
    ping: async () => {},
    ensure: async () => {},
    load: () => ({
      connections: 1,
      statements: 0,
      isLost: false,
      isAnswering: true,
      timeline: null,
      isFormerPrimarySeen: false,
    }),
    isDistributed: () => false,
    close: async () => {},
  }
  await createRefreshFamilies(database, LIFETIMES).rotate(presentation)
  await client.end()
  if (seen === undefined) throw new Error('the statement was not seen')
  return seen
}

export const benchRotations: Bench = world => measure(world, 10_000)
export const benchRotationsMillion: Bench = world => measure(world, 1_000_000)
