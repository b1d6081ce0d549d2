import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { TokenStatus } from '../../domain/oauth/access-token.ts'
import { mayActForItself } from '../../domain/oauth/remaining-grant.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Limit, RateLimit } from '../../ports/limits.ts'
import type { Listable, StatusEntries } from '../../ports/revocations.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import { createAnswerCache } from './answer-cache.ts'

type Needs = Readonly<{
  statusEntries: StatusEntries
  clients: Clients
  keys: Keys
  clock: Clock
  issuer: string
  /** Lists that one address may cause to be made, and questions for lists that are not there. */
  making: Limit
}>

/** A status list token, and the seconds for which it may be handed on. */
export type StatusList = Readonly<{ jws: string; max_age_seconds: number }>

/** Ours: what verifiers behind one address need, who share what is made for one of them. */
export const STATUS_LIST_LIMIT: RateLimit = { count: 600, window_seconds: 60 }

/** Tokens of one list: 16 kB before they are compressed. */
const LIST_SIZE = 2 ** 17
/** A list is made once in this time, however many ask. Whoever keeps it as long as it says learns of a revocation in twice that. */
const TTL_SECONDS = 10
/** How long a verifier may believe a list when it can get no other. */
const VALID_SECONDS = 300
const compress = promisify(deflate)

type Made = Readonly<{ jws: string; made_at: number }>
type Bounds = Readonly<{ first: number; last: number }> | null

/** draft-ietf-oauth-status-list – Which access tokens have been ended, for verifiers of any make: a bit each, signed. */
export const createStatusLists = ({ statusEntries, clients, keys, clock, issuer, making }: Needs) => {
  const uriOf = (list: number) => `${issuer}/status-lists/${list}`
  const lists = createAnswerCache<Made>({
    clock,
    sizeOf: ({ jws }) => jws.length,
    reuse_milliseconds: TTL_SECONDS * 1000,
  })
  let aggregated: Readonly<{ bounds: Promise<Bounds>; made_at: number }> | null = null

  const make = async (list: number): Promise<Made> => {
    const now = clock()
    const bytes = new Uint8Array(LIST_SIZE / 8)
    const registered = (await clients.all()).map(client => ({
      client_id: client.client_id,
      mayActForItself: mayActForItself(client),
    }))
    const ended = await statusEntries.findEnded({ first: list * LIST_SIZE, size: LIST_SIZE, registered })
    for (const { byte, bits } of ended) bytes[byte] = bits
    const lst = (await compress(bytes, { level: 9 })).toString('base64url')
    const iat = Math.floor(now.getTime() / 1000)
    const jws = await keys.sign('statuslist+jwt', {
      iss: issuer,
      sub: uriOf(list),
      iat,
      exp: iat + VALID_SECONDS,
      ttl: TTL_SECONDS,
      status_list: { bits: 1, lst, aggregation_uri: `${issuer}/status-lists` },
    })
    return { jws, made_at: now.getTime() }
  }

  const recall = (list: number): Promise<Made> | null => lists.recall(String(list), 0)

  const bounds = async (): Promise<Bounds> => {
    const places = await statusEntries.bounds()
    return places === null ? null : { first: listOf(places.first), last: listOf(places.last) }
  }

  return {
    /** Durable before the token is issued. */
    reserve: async (token: Listable): Promise<TokenStatus> => {
      const place = await statusEntries.reserve(token)
      return { status_list: { idx: place % LIST_SIZE, uri: uriOf(listOf(place)) } }
    },

    /** §8 – A status list token. Throws a Problem for a list that has no living token, and for too many lists. */
    find: async ({ list, ip }: { list: number; ip: string }): Promise<StatusList> => {
      let known = recall(list)
      if (known === null) {
        await requireAllowance(making, limitKeyOf(ip))
        const living = await bounds()
        if (living === null || list < living.first || list > living.last)
          throw new Problem('NOT_FOUND', { reason: 'status_list_unknown' })
        // Another request may have had it made meanwhile.
        known = recall(list) ?? lists.make(String(list), 0, () => make(list))
      }
      const { jws, made_at } = await known
      const age_seconds = Math.floor((clock().getTime() - made_at) / 1000)
      return { jws, max_age_seconds: Math.max(0, TTL_SECONDS - age_seconds) }
    },

    /** §9 – The lists in which there may be a living token. */
    aggregate: async (): Promise<Readonly<{ status_lists: readonly string[] }>> => {
      const now = clock().getTime()
      if (aggregated === null || !isYoung(aggregated, now)) aggregated = { bounds: bounds(), made_at: now }
      const living = await aggregated.bounds.catch((error: unknown) => {
        aggregated = null
        throw error
      })
      if (living === null) return { status_lists: [] }
      const { first, last } = living
      return { status_lists: Array.from({ length: last - first + 1 }, (_, index) => uriOf(first + index)) }
    },
  }
}

export type StatusLists = ReturnType<typeof createStatusLists>

/** A clock that was set back makes nothing younger. */
const isYoung = ({ made_at }: Readonly<{ made_at: number }>, now: number): boolean =>
  now >= made_at && now - made_at < TTL_SECONDS * 1000

const listOf = (place: number): number => Math.floor(place / LIST_SIZE)
