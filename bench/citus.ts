import postgres, { type Sql } from 'postgres'
import { distribute } from '../src/store/migrations/distribute.ts'
import { migrate } from '../src/store/migrations/migrate.ts'
import { createCluster, dropCitus, findNodes } from '../test/support/services/citus.ts'
import {
  createMigratedDatabase,
  dropDatabase,
  withDatabase,
} from '../test/support/services/postgres-admin.ts'
import { reset, rotateFor } from './rotations.ts'
import { insertFamilies, ownerOf, settle } from './support/families.ts'
import { measureProcessor } from './support/processor.ts'
import type { Bench } from './support/report.ts'
import { median } from './support/statistics.ts'
import { findPostmaster } from './support/world.ts'

const FAMILIES = 10_000
const ROUNDS = 5
const SECONDS = 4

type Place = Readonly<{ url: string; sql: Sql; postmasters: readonly number[] }>

/**
 * Rotations on the cluster of TEST_CITUS_URL and on plain Postgres, in turns, by the verb of the store with tokens that name their person.
 * The nodes must run on this machine, since the processor time is read from /proc. Without the variable the benchmark is left out, and says
 * so.
 */
export const benchCitus: Bench = async world => {
  const coordinator = process.env['TEST_CITUS_URL']
  if (!coordinator) {
    console.log('  left out: set TEST_CITUS_URL to a database of the coordinator')
    return []
  }
  const nodes = await findNodes(coordinator)
  const [cluster, alone] = [await createCluster({ nodes }), await createMigratedDatabase(world.server_url)]
  const urls = { citus: withDatabase(coordinator, cluster), plain: withDatabase(world.server_url, alone) }
  await migrate({ url: urls.citus, months_ahead: 0 })
  await distribute({ url: urls.citus })
  const citus = await fill(urls.citus, await Promise.all(nodes.map(findPostmaster)))
  const plain = await fill(urls.plain, [world.postgres_pid])
  const rounds: Readonly<{ citus: Measured; plain: Measured }>[] = []
  for (let round = 0; round < ROUNDS; round++)
    rounds.push({ citus: await measure(citus), plain: await measure(plain) })
  for (const { sql } of [citus, plain]) await sql.end()
  await dropCitus({ nodes }, cluster)
  await dropDatabase(world.server_url, alone)
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick))
  return [
    { what: 'plain Postgres, rotations', seen: of(each => each.plain.per_second), unit: '/s' },
    { what: 'Citus, rotations', seen: of(each => each.citus.per_second), unit: '/s' },
    { what: 'plain Postgres, processor for a rotation', seen: of(each => each.plain.each), unit: 'ms' },
    { what: 'Citus, processor of all nodes for a rotation', seen: of(each => each.citus.each), unit: 'ms' },
    ...nodes.map((_, place) => ({
      what: place === 0 ? '  of the coordinator' : `  of worker ${place}`,
      seen: of(each => each.citus.nodes[place] ?? 0),
      unit: 'ms',
    })),
    {
      what: 'rotations for a core of Postgres, Citus / plain',
      seen: of(each => each.plain.each / each.citus.each),
      goal: { least: 0.5 },
    },
  ]
}

const fill = async (url: string, postmasters: readonly number[]): Promise<Place> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  await insertFamilies(sql, FAMILIES)
  await settle(sql)
  const place = { url, sql, postmasters }
  await measure(place)
  return place
}

/** `each`: milliseconds of processor time for a rotation, of all nodes together; `nodes`: of each node. */
type Measured = Readonly<{ per_second: number; each: number; nodes: readonly number[] }>

const measure = async ({ url, sql, postmasters }: Place): Promise<Measured> => {
  await reset({ sql })
  const { result, milliseconds } = await measureProcessor(postmasters, () =>
    rotateFor(SECONDS, { url, families: FAMILIES, ownerOf }),
  )
  const nodes = milliseconds.map(total => total / result.rotations)
  return { per_second: result.per_second, nodes, each: nodes.reduce((sum, node) => sum + node, 0) }
}
