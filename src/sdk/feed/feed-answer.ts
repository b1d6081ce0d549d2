import { asObject, isCanonical } from '../verify/jws.ts'

/** Ids of 16 bytes with one expiry, concatenated in base64url. They are decoded when they are added. */
export type IdGroup = Readonly<{ expires_at: number; encoded: string; count: number }>

/** `issued_until` null: the tokens of this `jti` or `sid` are revoked, whenever they were issued. */
export type Named = Readonly<{ kind: string; value: string; expires_at: number; issued_until: number | null }>

/** One answer of the feed. Times are seconds since 1970. */
export type FeedAnswer = Readonly<{
  iss: string
  iat: number
  exp: number
  /** The cursor of the request; null when it asked for the whole set. */
  since: string | null
  cursor: string
  /** True when the set has further parts; the next part is at `cursor`. */
  more: boolean
  ids: readonly IdGroup[]
  named: readonly Named[]
  count: number
}>

const ID_BYTES = 16
const CURSOR_MAX = 4096
const SECONDS_MAX = 2 ** 32 - 1
const BASE64URL = /^[\w-]*$/

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= SECONDS_MAX

/** Parses the payload. Throws when any part of it is malformed: an answer is accepted as a whole or refused. */
export const parseFeedAnswer = (payload: string): FeedAnswer => {
  const { iss, iat, exp, since, cursor, more, ...rest } = asObject(JSON.parse(payload)) ?? {}
  if (typeof iss !== 'string' || !isTime(iat) || !isTime(exp) || typeof more !== 'boolean')
    throw new Error('the feed lacks a claim')
  if (since !== null && typeof since !== 'string') throw new Error('the feed does not say since when')
  if (typeof cursor !== 'string' || cursor === '' || cursor.length > CURSOR_MAX)
    throw new Error('the feed has no cursor')
  const ids = Object.entries(asObject(rest['ids']) ?? fail('ids')).map(parseGroup)
  const named = (Array.isArray(rest['named']) ? rest['named'] : fail('named')).map(parseNamed)
  const count = ids.reduce((sum, group) => sum + group.count, named.length)
  return { iss, iat, exp, since, cursor, more, ids, named, count }
}

const fail = (member: string): never => {
  throw new Error(`the feed has malformed ${member}`)
}

const parseGroup = ([expiry, encoded]: [string, unknown]): IdGroup => {
  const expires_at = Number(expiry)
  if (!isTime(expires_at) || typeof encoded !== 'string') return fail('ids')
  if (!BASE64URL.test(encoded) || !isCanonical(encoded)) return fail('ids')
  const count = Math.floor((encoded.length * 3) / 4) / ID_BYTES
  return Number.isInteger(count) ? { expires_at, encoded, count } : fail('ids')
}

const parseNamed = (entry: unknown): Named => {
  const [kind, value, expires_at, issued_until]: readonly unknown[] = Array.isArray(entry) ? entry : []
  if (typeof kind !== 'string' || typeof value !== 'string' || !isTime(expires_at)) return fail('named')
  return issued_until === null || isTime(issued_until)
    ? { kind, value, expires_at, issued_until }
    : fail('named')
}
