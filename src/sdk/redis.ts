/** signetd/redis: for services that share the issuer's Redis. */
import {
  BLOCKLIST_COMPLETE,
  blocklistKey,
  clusterPrefixOf,
  redisPrefixOf,
} from '../domain/revocations/blocklist-key.ts'
import { type OptionNames, requireKnownOptions } from './verify/known-options.ts'
import type { RevocationQuery, Standing } from './verify/revocation-source.ts'

export type RedisRevocationsOptions = Readonly<{
  /** The issuer, exactly as in its ISSUER: its Redis keys begin with `signet:<issuer>:`. Required without `prefix`. */
  issuer?: string
  /** The prefix of the issuer's Redis keys, where its REDIS_PREFIX is set. */
  prefix?: string
  /**
   * Whether the issuer's REDIS_URL names a cluster: its keys then begin with `{signet:<issuer>:}`, and are all in one slot. Default false.
   */
  isCluster?: boolean
  /** MGET by the service's own client: `keys => redis.mget(keys)` of ioredis, `keys => redis.mGet(keys)` of node-redis. */
  mget: (keys: string[]) => Promise<readonly (string | null)[]>
  /** Milliseconds that Redis may take to answer; after that the source is stale. 1–5000, default 250. */
  timeoutMilliseconds?: number
}>

const OPTIONS: OptionNames<RedisRevocationsOptions> = {
  issuer: true,
  prefix: true,
  isCluster: true,
  mget: true,
  timeoutMilliseconds: true,
}

/** A RevocationSource for the verifier's option `revocations`. Rejects when Redis does not answer, which a verifier counts as `stale`. */
export type RedisRevocations = Readonly<{ check(token: RevocationQuery): Promise<Standing> }>

type Asked = Readonly<{
  token: RevocationQuery
  resolve: (standing: Standing) => void
  reject: (fault: unknown) => void
}>

const KEYS_A_TOKEN = 4
/** The most tokens that one MGET looks up. */
const TOKENS_AT_ONCE = 100

/**
 * Ours – A source that looks tokens up in Redis, and batches checks of the same moment. A missing entry means `live` only while Redis
 * holds the marker of a complete copy. Without the marker, or without an answer in time, the source is stale.
 */
export const redisRevocations = (options: RedisRevocationsOptions): RedisRevocations => {
  requireKnownOptions('redisRevocations', options, OPTIONS)
  const { mget, issuer, isCluster = false, timeoutMilliseconds = 250 } = options
  const plain = options.prefix ?? (issuer === undefined ? '' : redisPrefixOf(issuer))
  if (plain === '') throw new TypeError('redisRevocations: issuer or prefix must be given')
  if (typeof mget !== 'function') throw new TypeError('redisRevocations: mget must be a function')
  if (!(timeoutMilliseconds >= 1 && timeoutMilliseconds <= 5000))
    throw new TypeError('redisRevocations: timeoutMilliseconds must be from 1 to 5000')
  if (typeof isCluster !== 'boolean') throw new TypeError('redisRevocations: isCluster must be a boolean')
  const prefix = isCluster ? clusterPrefixOf(plain) : plain
  let asked: Asked[] = []

  const flush = () => {
    const all = asked
    asked = []
    for (let start = 0; start < all.length; start += TOKENS_AT_ONCE)
      void answer(all.slice(start, start + TOKENS_AT_ONCE), { mget, prefix, timeoutMilliseconds })
  }

  return {
    check: token =>
      new Promise((resolve, reject) => {
        asked.push({ token, resolve, reject })
        if (asked.length === 1) queueMicrotask(flush)
      }),
  }
}

type Place = Required<Omit<RedisRevocationsOptions, 'issuer' | 'isCluster'>>

const answer = async (batch: readonly Asked[], { mget, prefix, timeoutMilliseconds }: Place) => {
  try {
    const keys = [BLOCKLIST_COMPLETE, ...batch.flatMap(({ token }) => keysOf(token))]
    const [complete, ...values] = await inTime(mget(keys.map(key => prefix + key)), timeoutMilliseconds)
    for (const [index, { token, resolve }] of batch.entries()) {
      const own = values.slice(index * KEYS_A_TOKEN, (index + 1) * KEYS_A_TOKEN)
      if (own.length < KEYS_A_TOKEN) throw new Error('Redis answered too little')
      if (isRevoked(own, token)) resolve('revoked')
      else resolve(typeof complete === 'string' ? 'live' : 'stale')
    }
  } catch (fault) {
    for (const { reject } of batch) reject(fault)
  }
}

/** Every token has four keys, so that answers have fixed places: without a `sid`, the `jti` is looked up twice. */
const keysOf = ({ jti, sid, sub, client_id }: RevocationQuery): readonly string[] => [
  blocklistKey('jti', jti),
  sid === undefined ? blocklistKey('jti', jti) : blocklistKey('sid', sid),
  blocklistKey('sub', sub),
  blocklistKey('client_id', client_id),
]

const isRevoked = (
  [token, signIn, person, client]: readonly (string | null)[],
  { iat }: RevocationQuery,
): boolean =>
  typeof token === 'string' ||
  typeof signIn === 'string' ||
  [person, client].some(until => typeof until === 'string' && !(Number(until) < iat))

const inTime = <T>(work: Promise<T>, milliseconds: number): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Redis did not answer in time')), milliseconds)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })

export type { RevocationQuery, RevocationSource, Standing } from './verify/revocation-source.ts'
