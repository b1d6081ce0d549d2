import { distribute } from '../../../src/store/migrations/distribute.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { createCluster } from '../services/citus.ts'
import { withDatabase } from '../services/postgres-admin.ts'
import type { Service } from '../services/services.ts'
import { type SupervisedPostgres, startSupervisedPostgres } from './supervised-postgres.ts'

/** A coordinator and two workers, each of which is started again whenever it has ended, and a distributed database. */
export type SupervisedCitus = Service &
  Readonly<{ coordinator: SupervisedPostgres; workers: readonly SupervisedPostgres[] }>

const SETTINGS = [
  'shared_preload_libraries=citus',
  'max_prepared_transactions=100',
  'citus.node_conninfo=sslmode=disable',
  // A commit that a crash has left between its phases keeps its locks until it is resolved; the default is a minute.
  'citus.recover_2pc_interval=2s',
  // Shards move by logical replication.
  'wal_level=logical',
  'max_worker_processes=32',
]

export const startSupervisedCitus = async (): Promise<SupervisedCitus> => {
  const nodes: SupervisedPostgres[] = []
  const stop = async () => {
    await Promise.all(nodes.map(node => node.stop()))
  }
  try {
    const coordinator = await startSupervisedPostgres({ settings: SETTINGS })
    nodes.push(coordinator)
    const workers = [
      await startSupervisedPostgres({ settings: SETTINGS }),
      await startSupervisedPostgres({ settings: SETTINGS }),
    ]
    nodes.push(...workers)
    const name = await createCluster({ nodes: nodes.map(node => node.url) })
    const url = withDatabase(coordinator.url, name)
    await migrate({ url, months_ahead: 1 })
    await distribute({ url })
    return { url, coordinator, workers, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
