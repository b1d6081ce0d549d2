import { describe, expect } from 'vitest'
import { hasCitus } from '../support/backends.ts'
import { itSurvivesOn, lasting } from '../support/faults/fault.ts'
import { startSupervisedCitus } from '../support/faults/supervised-citus.ts'

// The nodes are of the test: TEST_CITUS_URL says that the Postgres of this machine has the extension.
describe.skipIf(!hasCitus)('Citus', () => {
  itSurvivesOn(startSupervisedCitus, 'a worker is killed three times', async (_, __, { workers }) => {
    for (let turn = 0; turn < 3; turn++) {
      workers[turn % workers.length]?.kill()
      await lasting(3)
    }
  })

  itSurvivesOn(
    startSupervisedCitus,
    'a worker is away for ten seconds',
    async (_, __, { workers: [worker] }) => {
      worker?.takeAway()
      await lasting(10)
      worker?.bringBack()
    },
  )

  itSurvivesOn(startSupervisedCitus, 'the coordinator is killed', async (_, __, { coordinator }) => {
    coordinator.kill()
    await lasting(3)
  })

  itSurvivesOn(
    startSupervisedCitus,
    'every node is killed at once',
    async (_, __, { coordinator, workers }) => {
      for (const node of [coordinator, ...workers]) node.kill()
      await lasting(3)
    },
  )

  itSurvivesOn(startSupervisedCitus, 'all shards leave a worker and come back', async ({ database }) => {
    const { sql } = database
    const [worker] = await sql<{ host: string; port: number }[]>`
      select nodename as host, nodeport as port from pg_dist_node where groupid <> 0 order by groupid limit 1`
    if (worker === undefined) throw new Error('a cluster has workers')
    const { host, port } = worker
    const shards = async () => {
      const [{ there } = { there: 0 }] = await sql<{ there: number }[]>`
        select count(*)::int as there from citus_shards where nodename = ${host} and nodeport = ${port}`
      return there
    }
    await sql`select citus_drain_node(${host}, ${port}, 'force_logical')`
    expect(await shards()).toBe(0)
    await sql`select citus_set_node_property(${host}, ${port}, 'shouldhaveshards', true)`
    await sql`select rebalance_table_shards(shard_transfer_mode => 'force_logical')`
    expect(await shards()).toBeGreaterThan(0)
  })
})
