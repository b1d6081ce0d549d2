import { describe, expect, it } from 'vitest'
import { readRedisUrl } from '../../../src/domain/base/redis-url.ts'

const targetOf = (url: string) => {
  const read = readRedisUrl(url)
  return 'target' in read ? read.target : read.fault
}

describe('a URL of Redis', () => {
  it('names a server, a user and a database', () => {
    expect(targetOf('rediss://u:a%25%3Ab@cache:6380/15?family=6')).toEqual({
      username: 'u',
      password: 'a%:b',
      hasTls: true,
      database: 15,
      place: { form: 'server', address: { host: 'cache', port: 6380 }, family: 6 },
    })
    expect(targetOf('redis://:secret@[::1]')).toEqual({
      username: null,
      password: 'secret',
      hasTls: false,
      database: 0,
      place: { form: 'server', address: { host: '::1', port: 6379 }, family: null },
    })
  })

  it('names a socket', () => {
    expect(targetOf('redis+unix://u:p@/run/redis/a%20b.sock?db=3')).toMatchObject({
      username: 'u',
      password: 'p',
      database: 3,
      place: { form: 'socket', path: '/run/redis/a b.sock' },
    })
  })

  it('names Sentinels, what they call the primary, and their own user', () => {
    expect(
      targetOf(
        'rediss+sentinel://u:p@s1,[::1]:26380/my.master-1/2?sentinel_username=w&sentinel_password=a%26+b',
      ),
    ).toEqual({
      username: 'u',
      password: 'p',
      hasTls: true,
      database: 2,
      place: {
        form: 'sentinel',
        sentinels: [
          { host: 's1', port: 26379 },
          { host: '::1', port: 26380 },
        ],
        master: 'my.master-1',
        sentinelLogin: { username: 'w', password: 'a&+b' },
      },
    })
  })

  it('names nodes of a cluster', () => {
    expect(targetOf('redis+cluster://n1,n2:7000/0')).toMatchObject({
      database: 0,
      place: {
        form: 'cluster',
        nodes: [
          { host: 'n1', port: 6379 },
          { host: 'n2', port: 7000 },
        ],
      },
    })
  })

  it.each([
    ['redis+tls://cache', 'must be a URL that begins with'],
    ['rediss+unix:///run/redis.sock', 'must be a URL that begins with'],
    ['redis-sentinel://s1/mymaster', 'must be a URL that begins with'],
    ['redis://one,two', 'must name one host'],
    ['redis://cache:0', 'a port from 1 to 65535'],
    ['redis://cache:65536', 'a port from 1 to 65535'],
    ['redis+unix://cache/run/redis.sock', 'must have the absolute path of a socket'],
    ['redis+unix:///', 'must have the absolute path of a socket'],
    ['redis+unix:///run/redis.sock?db=x', 'must have no query but ?db='],
    ['redis+sentinel://s1', 'must name Sentinels and what they call the primary'],
    ['redis+sentinel:///mymaster', 'must name Sentinels and what they call the primary'],
    ['redis+sentinel://s1,/mymaster', 'must name Sentinels and what they call the primary'],
    ['redis+sentinel://s1/mymaster/x', 'must name Sentinels and what they call the primary'],
    ['redis+sentinel://s1/mymaster?sentinelPassword=hidden', 'must have no query but ?sentinel_username='],
    ['redis+sentinel://s1/m?sentinel_password=a&sentinel_password=hidden', 'must have no query but'],
    ['redis+cluster://', 'must name nodes of the cluster'],
    ['redis+cluster://n1:x', 'must name nodes of the cluster'],
    ['redis+cluster://n1/1', 'must have no path: a cluster has one database only'],
    ['redis+cluster://n1?constructor=hidden', 'must have no query'],
    ['redis+cluster://u:12/hidden@n1', 'must be a URL that begins with'],
  ])('is refused: %s', (url, fault) => {
    expect(targetOf(url)).toEqual(expect.stringContaining(fault))
    expect(targetOf(url)).not.toContain('hidden')
  })
})
