import { type RedisForm, type RedisTarget, readRedisUrl } from '../domain/base/redis-url.ts'
import { BLOCKLIST_COMPLETE, clusterPrefixOf } from '../domain/revocations/blocklist-key.ts'
import { createPrimaryConnector } from './redis-connector.ts'
import {
  clientLogin,
  type LocatePrimary,
  locateBySentinels,
  locateInCluster,
  type RedisClientOptions,
} from './redis-locator.ts'

const OPTIONS = {
  lazyConnect: true,
  // The name of the library in CLIENT LIST would need one right more.
  disableClientInfo: true,
  connectTimeout: 2_000,
  commandTimeout: 500,
  // A Redis that hangs keeps its connection open, and every command would time out. This limit closes the connection instead.
  socketTimeout: 1_000,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, 2_000),
} satisfies RedisClientOptions

/** Shorter: an attempt that ends at the old primary, and the pause after it, are over within two seconds of a failover. */
const FAILOVER_OPTIONS = {
  connectTimeout: 1_000,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, 300),
} satisfies RedisClientOptions

/** How the client reaches the primary, and how this process learns that another server became the primary. */
type Route = Readonly<{
  form: RedisForm
  options: RedisClientOptions
  hasMoved: () => Promise<boolean>
}>

const neverMoves = async () => false

/** Throws for a URL that the settings refuse. */
export const routeTo = (url: string, prefix: string): Route => {
  const read = readRedisUrl(url)
  if ('fault' in read) throw new Error(`the URL of Redis ${read.fault}`)
  const { target } = read
  const { place, hasTls, database } = target
  const common = {
    ...OPTIONS,
    ...clientLogin(target),
    ...(hasTls ? { tls: {} } : {}),
    db: database,
    keyPrefix: prefix,
  }
  switch (place.form) {
    case 'server': {
      const family = place.family === null ? {} : { family: place.family }
      return { form: place.form, options: { ...common, ...place.address, ...family }, hasMoved: neverMoves }
    }
    case 'socket':
      return { form: place.form, options: { ...common, path: place.path }, hasMoved: neverMoves }
    case 'sentinel': {
      const { Connector, hasMoved } = followPrimary(locateBySentinels(place, target), target)
      return { form: place.form, options: { ...common, ...FAILOVER_OPTIONS, Connector }, hasMoved }
    }
    case 'cluster': {
      const keyPrefix = clusterPrefixOf(prefix)
      const locate = locateInCluster(place, target, keyPrefix + BLOCKLIST_COMPLETE)
      const { Connector } = followPrimary(locate, target)
      // A node that has lost its slot says so itself.
      const options = { ...common, ...FAILOVER_OPTIONS, keyPrefix, Connector }
      return { form: place.form, options, hasMoved: neverMoves }
    }
  }
}

const followPrimary = (locate: LocatePrimary, { hasTls }: RedisTarget) =>
  createPrimaryConnector({ locate, hasTls })
