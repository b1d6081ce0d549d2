import { describe, expect, it } from 'vitest'
import { judgeCluster, leastCapacity } from '../../../src/compose/findings/cluster.ts'
import { judgeCapacity } from '../../../src/compose/findings/services.ts'
import type { Cluster, NodeSettings } from '../../../src/store/read-cluster.ts'

const SOUND: NodeSettings = { synchronous_commit: 'on', wal_level: 'logical', given: 97 }
const CLUSTER: Cluster = {
  distributed: new Set(['users', 'consents']),
  nodes_with_shards: 2,
  shards: 32,
  coordinator: SOUND,
  workers: [
    { address: 'one:5432', settings: SOUND },
    { address: 'two:5432', settings: SOUND },
  ],
  with_local_rows: [],
}
const NEW_TOKENS = { REFRESH_TOKEN_VERSION: 2 }

/** A cluster whose second worker has other settings; null where it is away. */
const withSecond = (settings: Partial<NodeSettings> | null): Cluster => ({
  ...CLUSTER,
  workers: CLUSTER.workers.map((worker, index) =>
    index === 0 ? worker : { ...worker, settings: settings && { ...SOUND, ...settings } },
  ),
})

/** What is said beside the line about the distribution. */
const saidOf = (cluster: Cluster, config = NEW_TOKENS) => judgeCluster(cluster, config).slice(1)

const warning = (note: RegExp, advice: RegExp) => ({
  fault: null,
  isWarning: true,
  note: expect.stringMatching(note),
  advice: expect.stringMatching(advice),
})

describe('what a cluster of Citus needs', () => {
  it('is one line where nothing is wrong', () => {
    expect(judgeCluster(CLUSTER, NEW_TOKENS)).toEqual([
      { fault: null, note: 'the tables are distributed over 2 nodes, in 32 shards' },
    ])
    const [alone] = judgeCluster({ ...CLUSTER, nodes_with_shards: 1, shards: 1 }, NEW_TOKENS)
    expect(alone?.note).toBe('the tables are distributed over 1 node, in 1 shard')
  })

  it('is nothing while no table is distributed, but for how to distribute them', () => {
    const plain = { ...withSecond({ wal_level: 'replica' }), distributed: new Set<string>() }
    expect(judgeCluster(plain, { REFRESH_TOKEN_VERSION: 1 })).toEqual([
      { fault: null, note: expect.stringMatching(/no table is distributed: .* signetd migrate --citus$/) },
    ])
  })

  it('is a refresh token that names its person', () => {
    expect(saidOf(CLUSTER, { REFRESH_TOKEN_VERSION: 1 })).toEqual([
      warning(/^REFRESH_TOKEN_VERSION is 1/, /set REFRESH_TOKEN_VERSION=2/),
    ])
  })

  it('is synchronous_commit on each node', () => {
    expect(saidOf(withSecond({ synchronous_commit: 'off' }))).toEqual([
      warning(/^synchronous_commit is off on two:5432: /, /^set synchronous_commit = on/),
    ])
    const everywhere = {
      ...withSecond({ synchronous_commit: 'off' }),
      coordinator: { ...SOUND, synchronous_commit: 'off' },
    }
    expect(saidOf(everywhere)).toEqual([
      warning(/^synchronous_commit is off on the coordinator, two:5432: /, /^set/),
    ])
    for (const synchronous_commit of ['local', 'remote_write', 'remote_apply'])
      expect(saidOf(withSecond({ synchronous_commit }))).toEqual([])
  })

  it('is the WAL with which shards move while they are written', () => {
    for (const wal_level of ['replica', 'minimal'])
      expect(saidOf(withSecond({ wal_level }))).toEqual([
        warning(/^wal_level is below logical on two:5432: /, /^set wal_level = logical .* restart/),
      ])
  })

  it('is a worker that answers, of which no setting is known otherwise', () => {
    expect(saidOf(withSecond(null))).toEqual([
      {
        fault: expect.stringMatching(/cannot reach the worker two:5432/),
        advice: expect.stringMatching(/citus_update_node/),
      },
    ])
  })

  it('is a distribution that has come to its end', () => {
    expect(saidOf({ ...CLUSTER, with_local_rows: ['users', 'consents'] })).toEqual([
      warning(/rows of before the distribution.*: users, consents$/, /^run signetd migrate --citus/),
    ])
  })

  it('is as many connections as the node with the fewest has', () => {
    const now = new Date()
    const noteOf = (workers: Cluster['workers'], given = 97) =>
      judgeCapacity(leastCapacity({ needed: 14, given, at: now }, workers), now)
    expect(noteOf(CLUSTER.workers).note).toBe('max_connections leaves 97, enough for 6 instances of 14')
    expect(noteOf(withSecond({ given: 96 }).workers).note).toBe(
      'max_connections of the worker two:5432 leaves 96, enough for 6 instances of 14',
    )
    expect(noteOf(CLUSTER.workers, 96).note).toBe('max_connections leaves 96, enough for 6 instances of 14')
    expect(noteOf(withSecond({ given: 13 }).workers).fault).toBe(
      'an instance may hold 14 connections, and max_connections of the worker two:5432 leaves 13',
    )
    expect(noteOf(withSecond(null).workers).note).toMatch(/^max_connections leaves 97/)
  })
})
