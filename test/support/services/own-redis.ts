import { rmSync } from 'node:fs'
import { Redis } from 'ioredis'
import { startOwnRedis } from './services.ts'

/** A Redis that a test may break, and a connection with all rights. Needs hasRedis. */
export const openOwnRedis = async (...settings: readonly string[]) => {
  const service = await startOwnRedis(settings)
  if (service === null) throw new Error('this suite needs Redis: guard it with hasRedis')
  const admin = new Redis(service.url)
  await admin.call('acl', 'setuser', 'signet', 'on', 'nopass', '~*', '+@all')
  return {
    /** The URL of a user whose rights a test may revoke. */
    url: service.url.replace('//', '//signet:secret@'),
    admin,
    close: async () => {
      admin.disconnect()
      await service.stop()
    },
  }
}

export type OwnRedis = Awaited<ReturnType<typeof openOwnRedis>>

type State = Readonly<{
  begin: (redis: OwnRedis) => Promise<unknown>
  end: (redis: OwnRedis) => Promise<unknown>
}>

const configured = (name: string, value: string, before: string): State => ({
  begin: ({ admin }) => admin.config('SET', name, value),
  end: ({ admin }) => admin.config('SET', name, before),
})

const forbidden = (...commands: readonly string[]): State => ({
  begin: ({ admin }) => admin.call('acl', 'setuser', 'signet', ...commands.map(name => `-${name}`)),
  end: ({ admin }) => admin.call('acl', 'setuser', 'signet', ...commands.map(name => `+${name}`)),
})

const demote = async ({ admin }: OwnRedis) => {
  await admin.replicaof('127.0.0.1', '1')
}
const promote = ({ admin }: OwnRedis) => admin.replicaof('NO', 'ONE')

/** Every state in which a Redis answers and refuses a part of the commands. */
export const PARTIAL_STATES: Readonly<Record<string, State>> = {
  'allows no scripts': forbidden('@scripting'),
  'allows neither EVAL nor EVALSHA': forbidden('eval', 'evalsha'),
  'allows scripts, and no writes': forbidden('@write'),
  'allows scripts, and no reads': forbidden('hmget'),
  'allows the keys of limits alone': {
    begin: ({ admin }) => admin.call('acl', 'setuser', 'signet', 'resetkeys', '~*:limit:*'),
    end: ({ admin }) => admin.call('acl', 'setuser', 'signet', 'resetkeys', '~*'),
  },
  'is full': configured('maxmemory', '1', '0'),
  'has too few replicas': configured('min-replicas-to-write', '1', '0'),
  'cannot save': {
    begin: async ({ admin }) => {
      const [, directory = ''] = await admin.config('GET', 'dir')
      await admin.config('SET', 'save', '3600 1')
      rmSync(directory, { recursive: true })
      await admin.bgsave()
      while (!/rdb_last_bgsave_status:err/.test(await admin.info('persistence')))
        await new Promise(resolve => setTimeout(resolve, 5))
    },
    end: ({ admin }) => admin.config('SET', 'stop-writes-on-bgsave-error', 'no'),
  },
  'is a replica': { begin: demote, end: promote },
  'is a replica that takes writes': {
    begin: async redis => {
      await redis.admin.config('SET', 'replica-read-only', 'no')
      await demote(redis)
    },
    end: promote,
  },
}
