import { describe, expect, it, onTestFinished } from 'vitest'
import { openRedis } from '../../src/ephemeral/redis.ts'
import { hasRedis } from '../support/backends.ts'
import { createLog } from '../support/effects.ts'
import { openSentinels, renamePrimary, sentinelUrl } from '../support/redis/redis-sentinels.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'

/** Servers that know nothing of each other, so that no connection ends when the Sentinels name the other one. */
const openPair = async () => {
  const [one, other] = await Promise.all([openRedisServer(), openRedisServer()])
  const sentinels = await openSentinels(one.port)
  const all = [one, other, ...sentinels]
  onTestFinished(async () => {
    await Promise.all(all.map(each => each.close()))
  })
  return { one, other, sentinels }
}

const open = async (sentinels: readonly RedisServer[]) => {
  const redis = openRedis({ url: sentinelUrl(sentinels), prefix: 'signet:', log: createLog().log })
  onTestFinished(() => redis.close())
  await redis.connect()
  return redis
}

const isAt = async ({ client, isReady }: Awaited<ReturnType<typeof open>>, { admin }: RedisServer) => {
  const runOf = (info: string) => /run_id:(\w+)/.exec(info)?.[1]
  return isReady() && runOf(await client.info('server').catch(() => '')) === runOf(await admin.info('server'))
}

describe.skipIf(!hasRedis)('a connection by Sentinels', () => {
  it('leaves a primary that still answers once most Sentinels name another server', async () => {
    const { one, other, sentinels } = await openPair()
    const redis = await open(sentinels)
    expect(redis.fault()).toBeNull()
    expect(await isAt(redis, one)).toBe(true)
    const [first, second, third] = sentinels
    if (first === undefined || second === undefined || third === undefined) throw new Error('there are three')
    await renamePrimary(first, other.port)
    const late = await open(sentinels)
    expect(await isAt(late, one)).toBe(true)
    await renamePrimary(second, other.port)
    for (const connection of [redis, late]) {
      await expect.poll(() => isAt(connection, other), { timeout: 10_000 }).toBe(true)
      await expect.poll(connection.fault, { timeout: 10_000 }).toBeNull()
    }
    // The third Sentinel, which is outvoted, is not needed either, and neither is a second one.
    await third.kill()
    expect(await isAt(await open(sentinels), other)).toBe(true)
    first.freeze()
    expect(await isAt(await open(sentinels), other)).toBe(true)
    first.thaw()
  })

  it('says why there is none: no Sentinel, a wrong password, a name that they do not know', async () => {
    const { sentinels } = await openPair()
    const faultOf = async (change: (url: string) => string) => {
      const redis = openRedis({
        url: change(sentinelUrl(sentinels)),
        prefix: 'signet:',
        log: createLog().log,
      })
      await redis.connect()
      const found = [redis.fault(), redis.isMisnamed()]
      await redis.close()
      return found
    }
    expect(await faultOf(url => url.replace('=hidden', '=wrong'))).toEqual([
      expect.stringContaining('correct sentinel_username and sentinel_password'),
      false,
    ])
    expect(await faultOf(url => url.replace('/signet-redis', '/other'))).toEqual([
      expect.stringContaining('the Sentinels know no primary of the name in the path'),
      true,
    ])
    await Promise.all(sentinels.map(each => each.kill()))
    expect(await faultOf(url => url)).toEqual([expect.stringContaining('nothing listens there'), false])
  })
})
