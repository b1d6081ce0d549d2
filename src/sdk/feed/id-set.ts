import { readIds, readUuid, readWord } from './id-text.ts'

/**
 * Ids of 16 bytes with their expiry, 20 bytes each in buckets of one size: a million in 30 MB. A bucket that is full is split in
 * two where it is, so that a growing set never stands in memory twice and leaves nothing for the collector.
 */
export type IdSet = Readonly<{
  /** The ids that stand one after another in canonical base64url: all of them by default, or those of sign-ins alone. */
  addAll(encoded: string, expires_at: number, which?: 'all' | 'sign_ins'): void
  /** Whether a UUID in its canonical text is there. */
  has(uuid: string): boolean
  size(): number
  /** Forgets what expired, in the next of the shares: a part of the work at a time. `now` in seconds. */
  sweep(now: number, shares?: number): void
  /** Forgets every single token. Returns when the last of them would have expired; 0 when there was none. */
  forgetTokens(now: number): number
}>

/** What a set is swept in. */
export const SHARES = 64
const WORDS = 5
const EXPIRY = 4
const SLOTS = 720
/** In a fuller bucket an id that is not there is missed late. */
const FULL = 0.75
/** The low bits of an id that choose its bucket, at most; the high half of its last word chooses the slot. */
const DEEPEST = 16

/** Its ids have the `depth` lowest bits in common. */
type Bucket = { slots: Int32Array; used: number; depth: number }

export const createIdSet = (): IdSet => {
  let buckets = [createBucket(0)]
  const id = new Int32Array(4)
  let size = 0
  let next = 0

  const bucketAt = (index: number): Bucket => buckets[index & (buckets.length - 1)] ?? unreachable()

  /** Wherever the `depth` lowest bits are those of `index`. */
  const place = (bucket: Bucket, index: number, depth: number) => {
    const step = 1 << depth
    for (let at = index & (step - 1); at < buckets.length; at += step) buckets[at] = bucket
  }

  const add = (expires_at: number) => {
    const index = id[3] ?? 0
    const bucket = bucketAt(index)
    if (insert(bucket, id, expires_at)) size += 1
    if (bucket.used * WORDS > bucket.slots.length * FULL) divide(bucket, index)
  }

  const divide = (bucket: Bucket, index: number) => {
    // Ids that are not random: their bucket grows alone.
    if (bucket.depth === DEEPEST) return refill(bucket, 0, () => bucket, 2 * bucket.slots.length)
    const bit = 1 << bucket.depth
    if (bit === buckets.length) buckets = [...buckets, ...buckets]
    bucket.depth += 1
    const other = createBucket(bucket.depth)
    place(other, (index & (bit - 1)) | bit, bucket.depth)
    return refill(bucket, 0, word => (word & bit ? other : bucket))
  }

  /** The halves of what was divided are one again when both together leave it half empty. */
  const unite = (bucket: Bucket, index: number, now: number): boolean => {
    const sibling = index ^ (1 << (bucket.depth - 1))
    const other = bucketAt(sibling)
    const used = (bucket.used + other.used) * WORDS
    if (bucket.depth === 0 || other.depth !== bucket.depth || used > (bucket.slots.length * FULL) / 2)
      return false
    // Its turn may be yet to come, and would not.
    size -= refill(other, now, () => bucket)
    place(bucket, sibling, bucket.depth)
    bucket.depth -= 1
    return true
  }

  const sweepShare = (share: number, now: number) => {
    const end = Math.ceil(((share + 1) * buckets.length) / SHARES)
    for (let index = Math.ceil((share * buckets.length) / SHARES); index < end; index += 1) {
      const bucket = bucketAt(index)
      // It may stand in many places, and is swept in the first.
      if (index >> bucket.depth !== 0) continue
      size -= refill(bucket, now, () => bucket)
      while (unite(bucket, index, now));
    }
  }

  return {
    addAll: (encoded, expires_at, which) =>
      readIds(encoded, id, () => {
        if (which !== 'sign_ins' || isSignIn(id[1] ?? 0)) add(expires_at)
      }),
    has: uuid => {
      if (size === 0 || uuid.length !== 36 || !readWord(uuid, id, 3)) return false
      const { slots } = bucketAt(id[3] ?? 0)
      return mayHave(slots, id) && readUuid(uuid, id) && slots[find(slots, id) + EXPIRY] !== 0
    },
    size: () => size,
    forgetTokens: now => {
      let last = 0
      for (const bucket of new Set(buckets)) last = Math.max(last, expireTokens(bucket))
      for (let share = 0; share < SHARES; share += 1) sweepShare(share, now)
      return last
    },
    sweep: (now, shares = 1) => {
      for (let turn = 0; turn < shares; turn += 1) {
        sweepShare(next, now)
        next = (next + 1) % SHARES
      }
    },
  }
}

/**
 * RFC 9562 §4.2 – The version, in the second word. A `sid` is a UUIDv7, and the issuer makes each `jti` a UUIDv4: that is how a
 * follower without room for both tells what ends a whole sign-in.
 */
const isSignIn = (word: number): boolean => ((word >>> 12) & 0xf) === 7

/** How many ids of an encoded group are those of sign-ins. */
export const countSignIns = (encoded: string): number => {
  const id = new Int32Array(4)
  let count = 0
  readIds(encoded, id, () => {
    if (isSignIn(id[1] ?? 0)) count += 1
  })
  return count
}

/** Lets the tokens of a bucket expire long ago. Returns when the last of them would have. */
const expireTokens = ({ slots }: Bucket): number => {
  let last = 0
  for (let place = 0; place < slots.length; place += WORDS) {
    const expires_at = expiryAt(slots, place)
    if (expires_at === 0 || isSignIn(slots[place + 1] ?? 0)) continue
    last = Math.max(last, expires_at)
    slots[place + EXPIRY] = 1
  }
  return last
}

const unreachable = (): never => {
  throw new Error('a bucket that is not there')
}

const createBucket = (depth: number): Bucket => ({ slots: new Int32Array(SLOTS * WORDS), used: 0, depth })

const firstPlace = (slots: Int32Array, id: Int32Array): number =>
  ((((id[3] ?? 0) >>> 16) * (slots.length / WORDS)) >>> 16) * WORDS

/** By the last word alone, which tells nearly every id that is not there: the others are not even read. */
const mayHave = (slots: Int32Array, id: Int32Array): boolean => {
  for (let place = firstPlace(slots, id); ; place = place + WORDS === slots.length ? 0 : place + WORDS) {
    if (slots[place + EXPIRY] === 0) return false
    if (slots[place + 3] === id[3]) return true
  }
}

/** Where the id is, or would be. */
const find = (slots: Int32Array, id: Int32Array): number => {
  let place = firstPlace(slots, id)
  while (slots[place + EXPIRY] !== 0 && !isAt(slots, place, id))
    place = place + WORDS === slots.length ? 0 : place + WORDS
  return place
}

const isAt = (slots: Int32Array, place: number, id: Int32Array): boolean =>
  slots[place + 3] === id[3] &&
  slots[place + 2] === id[2] &&
  slots[place + 1] === id[1] &&
  slots[place] === id[0]

/** True when it was not there; the later of two expiries holds. */
const insert = (bucket: Bucket, id: Int32Array, expires_at: number): boolean => {
  const { slots } = bucket
  const place = find(slots, id)
  const known = expiryAt(slots, place)
  for (let word = 0; word < EXPIRY; word += 1) slots[place + word] = id[word] ?? 0
  slots[place + EXPIRY] = Math.max(expires_at, known)
  if (known !== 0) return false
  bucket.used += 1
  return true
}

/** Signed words are no objects to the runtime, as unsigned ones are; a time beyond 2038 is unsigned. */
const expiryAt = (slots: Int32Array, place: number): number => (slots[place + EXPIRY] ?? 0) >>> 0

/** What a bucket held while it is filled again. */
const old = new Int32Array(SLOTS * WORDS)
const moved = new Int32Array(EXPIRY)

/** Takes everything out of a bucket, and puts what expires after `now` where it belongs. Returns how many did not. */
const refill = (
  bucket: Bucket,
  now: number,
  to: (word: number) => Bucket,
  length = bucket.slots.length,
): number => {
  const held = bucket.slots.length === old.length ? old : new Int32Array(bucket.slots.length)
  held.set(bucket.slots)
  if (length === bucket.slots.length) bucket.slots.fill(0)
  else bucket.slots = new Int32Array(length)
  let dropped = bucket.used
  bucket.used = 0
  for (let place = 0; place < held.length; place += WORDS) {
    const expires_at = expiryAt(held, place)
    if (expires_at <= now) continue
    for (let word = 0; word < EXPIRY; word += 1) moved[word] = held[place + word] ?? 0
    insert(to(moved[3] ?? 0), moved, expires_at)
    dropped -= 1
  }
  return dropped
}
