import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { TokenStatus } from '../../domain/oauth/access-token.ts'
import { mayActForItself } from '../../domain/oauth/remaining-grant.ts'
import { Problem } from '../../domain/refusals/problem.ts'
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
  /** Lists that one address causes to be made, and its requests for lists that do not exist. */
  making: Limit
}>

/** A status list token, and the seconds for which a cache may keep it. */
export type StatusList = Readonly<{ jws: string; max_age_seconds: number }>

/** Ours: enough for the verifiers behind one address, which share the lists that are made. */
export const STATUS_LIST_LIMIT: RateLimit = { count: 600, window_seconds: 60 }

/** Tokens of one list: 16 kB before compression. */
const LIST_SIZE = 2 ** 17
/** Seconds for which a list is reused. A verifier that keeps it for its `ttl` learns of a revocation within twice this time. */
const TTL_SECONDS = 10
/** Seconds for which a verifier may believe a list when it can get no newer one. */
const VALID_SECONDS = 300
const compress = promisify(deflate)

type SignedList = Readonly<{ jws: string; made_at: number }>
/** The first and the last list that may have a living token; null when there is none. */
type LivingLists = Readonly<{ first: number; last: number }> | null

/** draft-ietf-oauth-status-list – Serves signed lists with a bit for each access token, which is set when the token was ended. */
export const createStatusLists = (needs: Needs) => {
  const { statusEntries, clock, issuer, making } = needs
  const cache = createAnswerCache<SignedList>({
    clock,
    sizeOf: ({ jws }) => jws.length,
    reuse_milliseconds: TTL_SECONDS * 1000,
  })
  const signList = createSignList(needs)

  const findLiving = async (): Promise<LivingLists> => {
    const places = await statusEntries.bounds()
    return places === null ? null : { first: listOf(places.first), last: listOf(places.last) }
  }
  const findRecentLiving = createRecent(findLiving, clock)

  const recall = (list: number): Promise<SignedList> | null => cache.recall(String(list), 0)

  return {
    /** Reserves the place of a token, durably before the token is issued. */
    reserve: async (token: Listable): Promise<TokenStatus> => {
      const place = await statusEntries.reserve(token)
      return { status_list: { idx: place % LIST_SIZE, uri: uriOf(issuer, listOf(place)) } }
    },

    /** §8 – A status list token. Throws a Problem for a list that has no living token, and for too many lists. */
    find: async ({ list, ip }: { list: number; ip: string }): Promise<StatusList> => {
      let known = recall(list)
      if (known === null) {
        await requireAllowance(making, limitKeyOf(ip))
        const living = await findLiving()
        if (living === null || list < living.first || list > living.last)
          throw new Problem('NOT_FOUND', { reason: 'status_list_unknown' })
        // Another request may have caused the list to be made meanwhile.
        known = recall(list) ?? cache.make(String(list), 0, () => signList(list))
      }
      const { jws, made_at } = await known
      const age_seconds = Math.floor((clock().getTime() - made_at) / 1000)
      return { jws, max_age_seconds: Math.max(0, TTL_SECONDS - age_seconds) }
    },

    /** §9 – The lists in which there may be a living token. */
    aggregate: async (): Promise<Readonly<{ status_lists: readonly string[] }>> => {
      const living = await findRecentLiving()
      if (living === null) return { status_lists: [] }
      const { first, last } = living
      const uris = Array.from({ length: last - first + 1 }, (_, index) => uriOf(issuer, first + index))
      return { status_lists: uris }
    },
  }
}

export type StatusLists = ReturnType<typeof createStatusLists>

/** §5.1 – Makes a status list token of the present state. */
const createSignList =
  ({ statusEntries, clients, keys, clock, issuer }: Needs) =>
  async (list: number): Promise<SignedList> => {
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
      sub: uriOf(issuer, list),
      iat,
      exp: iat + VALID_SECONDS,
      ttl: TTL_SECONDS,
      status_list: { bits: 1, lst, aggregation_uri: `${issuer}/status-lists` },
    })
    return { jws, made_at: now.getTime() }
  }

/** Memoizes the answer for TTL_SECONDS. A failure is not kept. */
const createRecent = <T>(ask: () => Promise<T>, clock: Clock) => {
  let kept: Readonly<{ answer: Promise<T>; asked_at: number }> | null = null
  return async (): Promise<T> => {
    const now = clock().getTime()
    if (kept === null || !isRecent(kept.asked_at, now)) kept = { answer: ask(), asked_at: now }
    return kept.answer.catch((error: unknown) => {
      kept = null
      throw error
    })
  }
}

/** False also for a time in the future: the clock has been set back. */
const isRecent = (asked_at: number, now: number): boolean =>
  now >= asked_at && now - asked_at < TTL_SECONDS * 1000

const uriOf = (issuer: string, list: number): string => `${issuer}/status-lists/${list}`

const listOf = (place: number): number => Math.floor(place / LIST_SIZE)
