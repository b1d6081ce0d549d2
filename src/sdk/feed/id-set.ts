import { createBucketDirectory } from './bucket-directory.ts'
import { expireTokens, hasId, ID_WORDS, insert, isOverloaded, mayHave } from './id-bucket.ts'
import { isSignIn, readIds, readUuid, readWord } from './id-text.ts'

/** A set of ids of 16 bytes, each with its expiry: an extendible hash table. A million ids take 30 MB. */
export type IdSet = Readonly<{
  /** Adds ids that are concatenated in canonical base64url: all of them by default, or those of sign-ins alone. */
  addAll(encoded: string, expires_at: number, which?: 'all' | 'sign_ins'): void
  /** False for a text that is no canonical UUID. */
  has(uuid: string): boolean
  size(): number
  /** Drops expired ids from the next of the shares, one by default. `now` in seconds. */
  sweep(now: number, shares?: number): void
  /** Drops the ids of all single tokens. Returns the latest expiry that one of them had; 0 when there was none. */
  forgetTokens(now: number): number
}>

/** Equal parts of the set, which are swept one at a time: a sweep of a large set must not block the event loop. */
export const SHARES = 64

export const createIdSet = (): IdSet => {
  const directory = createBucketDirectory()
  /** The id that is being added or looked up: one array for all, so that a look-up allocates nothing. */
  const id = new Int32Array(ID_WORDS)
  let size = 0
  let nextShare = 0

  const add = (expires_at: number) => {
    const index = id[3] ?? 0
    const bucket = directory.bucketAt(index)
    if (insert(bucket, id, expires_at)) size += 1
    if (isOverloaded(bucket)) directory.relieve(bucket, index)
  }

  const sweepShare = (share: number, now: number) => {
    size -= directory.sweep(share, SHARES, now)
  }

  return {
    addAll: (encoded, expires_at, which) =>
      readIds(encoded, id, () => {
        if (which !== 'sign_ins' || isSignIn(id[1] ?? 0)) add(expires_at)
      }),
    has: uuid => {
      if (size === 0 || uuid.length !== 36 || !readWord(uuid, id, 3)) return false
      const bucket = directory.bucketAt(id[3] ?? 0)
      return mayHave(bucket, id) && readUuid(uuid, id) && hasId(bucket, id)
    },
    size: () => size,
    forgetTokens: now => {
      let latest = 0
      for (const bucket of directory.buckets()) latest = Math.max(latest, expireTokens(bucket))
      for (let share = 0; share < SHARES; share += 1) sweepShare(share, now)
      return latest
    },
    sweep: (now, shares = 1) => {
      for (let turn = 0; turn < shares; turn += 1) {
        sweepShare(nextShare, now)
        nextShare = (nextShare + 1) % SHARES
      }
    },
  }
}

/** How many of the encoded ids are those of sign-ins. */
export const countSignIns = (encoded: string): number => {
  const id = new Int32Array(ID_WORDS)
  let count = 0
  readIds(encoded, id, () => {
    if (isSignIn(id[1] ?? 0)) count += 1
  })
  return count
}
