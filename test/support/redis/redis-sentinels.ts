import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { redisRights } from '../repository/redis-rights.ts'
import { openRedisServer, PLAIN, type RedisServer, type Transport } from './redis-server.ts'

export const MASTER = 'signet-redis'

/** Three Sentinels, two of which promote a replica half a second after the primary of this port is gone. */
export const openSentinels = (
  primary: number,
  { listens, settings, at }: Transport = PLAIN,
): Promise<readonly RedisServer[]> => {
  const file = (port: number, directory: string) => {
    const path = join(directory, 'sentinel.conf')
    const lines = [
      ...toLines([...listens(port), ...settings]),
      'bind 127.0.0.1',
      `dir ${directory}`,
      `user watcher on >hidden ${redisRights('sentinel').join(' ')}`,
      ...monitor(primary).map(words => `sentinel ${words.join(' ')}`),
    ]
    writeFileSync(path, `${lines.join('\n')}\n`)
    return path
  }
  return Promise.all(Array.from({ length: 3 }, () => openRedisServer({ file, at })))
}

/** Words of the command line, as lines of a file. */
const toLines = (words: readonly string[]) =>
  words
    .join(' ')
    .split(/(?:^| )--/)
    .filter(line => line !== '')

const monitor = (port: number) => [
  ['monitor', MASTER, '127.0.0.1', String(port), '2'],
  ['down-after-milliseconds', MASTER, '500'],
  ['failover-timeout', MASTER, '2000'],
]

/** Lets a Sentinel name another primary from now on. */
export const renamePrimary = async ({ admin }: RedisServer, port: number) => {
  await admin.call('sentinel', 'remove', MASTER)
  await admin.call('sentinel', 'monitor', MASTER, '127.0.0.1', String(port), '2')
}

/** A URL of the Sentinels, by the user that docs/redis.md describes. */
export const sentinelUrl = (
  sentinels: readonly RedisServer[],
  { login = '', scheme = 'redis' }: Readonly<{ login?: string; scheme?: Transport['scheme'] }> = {},
): string =>
  `${scheme}+sentinel://${login}${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${MASTER}?sentinel_username=watcher&sentinel_password=hidden`
