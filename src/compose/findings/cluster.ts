import type { Config } from '../../config.ts'
import { type Database, type DatabaseCapacity, readCapacity } from '../../store/postgres/index.ts'
import { type Cluster, type NodeSettings, readCluster, type Worker } from '../../store/read-cluster.ts'
import type { Found } from './finding.ts'
import { judgeCapacity } from './services.ts'

type Needs = Pick<Config, 'DATABASE_POOL_SIZE' | 'DATABASE_SCHEMA' | 'REFRESH_TOKEN_VERSION'>

/** The connections of Postgres, and on Citus the lines of `judgeCluster`. Rejects with Unavailable. */
export const examineNodes = async (
  config: Needs,
  { database, now }: Readonly<{ database: Database; now: () => Date }>,
): Promise<readonly Found[]> => {
  const capacity = await readCapacity(database, config.DATABASE_POOL_SIZE)
  const readAt = now()
  const cluster = await readCluster(database, config.DATABASE_SCHEMA)
  if (cluster === null) return [judgeCapacity(capacity, readAt)]
  const workers = cluster.distributed.size === 0 ? [] : cluster.workers
  return [judgeCapacity(leastCapacity(capacity, workers), readAt), ...judgeCluster(cluster, config)]
}

/** Ours – What a cluster of Citus needs beside what one Postgres needs: a line each, the first of which says what is distributed. */
export const judgeCluster = (
  cluster: Cluster,
  { REFRESH_TOKEN_VERSION }: Pick<Config, 'REFRESH_TOKEN_VERSION'>,
): readonly Found[] => {
  if (cluster.distributed.size === 0) return [{ fault: null, note: PLAIN }]
  return [
    { fault: null, note: describeDistribution(cluster) },
    ...cluster.workers.filter(({ settings }) => settings === null).map(unreachable),
    ...(REFRESH_TOKEN_VERSION === 1 ? [OLD_TOKENS] : []),
    ...warnOf(nodesWhere(cluster, isAsynchronous), LOSING),
    ...warnOf(nodesWhere(cluster, cannotMove), UNMOVABLE),
    ...warnOf(cluster.with_local_rows, LOCAL_ROWS),
  ]
}

/** The capacity of the node that has the fewest connections for users: each connection of a pool opens one to each worker. */
export const leastCapacity = (
  capacity: DatabaseCapacity,
  workers: readonly Worker[],
): DatabaseCapacity & Readonly<{ worker?: string }> => {
  const answered = workers.flatMap(({ address, settings }) =>
    settings === null ? [] : [{ worker: address, given: settings.given }],
  )
  const [least] = answered.toSorted((one, other) => one.given - other.given)
  return least === undefined || least.given >= capacity.given ? capacity : { ...capacity, ...least }
}

const PLAIN =
  'the database has Citus, and no table is distributed: leave it so, or stop all servers and run signetd migrate --citus'

const describeDistribution = ({ nodes_with_shards, shards }: Cluster): string =>
  `the tables are distributed over ${count(nodes_with_shards, 'node')}, in ${count(shards, 'shard')}`

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

const unreachable = ({ address }: Worker): Found => ({
  fault: `the coordinator cannot reach the worker ${address}, and the people whose rows are there get 503`,
  advice: 'start it, let the coordinator connect to it, or name its standby there with citus_update_node()',
})

const OLD_TOKENS: Found = {
  fault: null,
  isWarning: true,
  note: 'REFRESH_TOKEN_VERSION is 1: a refresh of a sign-in that begins now asks all nodes, and fails while one of them is away',
  advice: 'set REFRESH_TOKEN_VERSION=2 for all servers',
}

type Warn = (names: string) => Readonly<{ note: string; advice: string }>

const warnOf = (names: readonly string[], warn: Warn): readonly Found[] =>
  names.length === 0 ? [] : [{ fault: null, isWarning: true, ...warn(names.join(', ')) }]

const LOSING: Warn = names => ({
  note: `synchronous_commit is off on ${names}: a crash, or a move of shards, loses the last rotations there, and the next refresh of such a sign-in ends it as forged`,
  advice: 'set synchronous_commit = on there, for this database and this role',
})

const UNMOVABLE: Warn = names => ({
  note: `wal_level is below logical on ${names}: shards cannot move while they are written`,
  advice: 'set wal_level = logical there, and restart Postgres, before you add a worker or take one out',
})

const LOCAL_ROWS: Warn = names => ({
  note: `the coordinator still has rows of before the distribution, which are not used: ${names}`,
  advice: 'run signetd migrate --citus, which deletes them',
})

const isAsynchronous = ({ synchronous_commit }: NodeSettings): boolean => synchronous_commit === 'off'

const cannotMove = ({ wal_level }: NodeSettings): boolean => wal_level !== 'logical'

/** A worker that has not answered is told of already. */
const nodesWhere = (
  { coordinator, workers }: Cluster,
  is: (settings: NodeSettings) => boolean,
): readonly string[] => [
  ...(is(coordinator) ? ['the coordinator'] : []),
  ...workers.flatMap(({ address, settings }) => (settings !== null && is(settings) ? [address] : [])),
]
