import { isSignIn } from './id-text.ts'

/**
 * A hash table with open addressing and linear probing. A slot of 20 bytes holds the four words of an id and its expiry; an expiry of
 * 0 marks an empty slot.
 */
export type IdBucket = {
  slots: Int32Array
  used: number
  /** The local depth of extendible hashing: the number of lowest bits that the last words of all its ids share. */
  depth: number
}

/** An id of 16 bytes is four words of 32 bits. */
export const ID_WORDS = 4
/** The place of the expiry in a slot: after the words of the id. */
const EXPIRY = ID_WORDS
const SLOT_WORDS = ID_WORDS + 1
const SLOTS = 720
/** Load factor: above it, looking up an absent id takes too many probes. */
const LOAD_FACTOR_MAX = 0.75

export const createBucket = (depth: number): IdBucket => ({
  slots: new Int32Array(SLOTS * SLOT_WORDS),
  used: 0,
  depth,
})

export const isOverloaded = ({ slots, used }: IdBucket): boolean =>
  used * SLOT_WORDS > slots.length * LOAD_FACTOR_MAX

/** True when both would fill one bucket to at most half of its load factor: a fuller bucket would soon be split again. */
export const fitInOne = (one: IdBucket, other: IdBucket): boolean =>
  (one.used + other.used) * SLOT_WORDS <= (one.slots.length * LOAD_FACTOR_MAX) / 2

/** Compares last words alone, which rules out nearly every absent id: its other words then need not be read. */
export const mayHave = ({ slots }: IdBucket, id: Int32Array): boolean => {
  for (let place = firstPlace(slots, id); ; place = nextPlace(slots, place)) {
    if (slots[place + EXPIRY] === 0) return false
    if (slots[place + 3] === id[3]) return true
  }
}

export const hasId = ({ slots }: IdBucket, id: Int32Array): boolean => slots[find(slots, id) + EXPIRY] !== 0

/** True when the id is new; for a known id the later of the two expiries holds. */
export const insert = (bucket: IdBucket, id: Int32Array, expires_at: number): boolean => {
  const { slots } = bucket
  const place = find(slots, id)
  const known = expiryAt(slots, place)
  for (let word = 0; word < ID_WORDS; word += 1) slots[place + word] = id[word] ?? 0
  slots[place + EXPIRY] = Math.max(expires_at, known)
  if (known !== 0) return false
  bucket.used += 1
  return true
}

/** Moves each id that expires after `now` to the bucket that `targetOf` returns for its last word. Returns how many have expired. */
export const redistribute = (
  bucket: IdBucket,
  now: number,
  targetOf: (lastWord: number) => IdBucket,
): number => {
  const { slots, used } = bucket
  const held = slots.length === scratch.length ? scratch : new Int32Array(slots.length)
  held.set(slots)
  slots.fill(0)
  bucket.used = 0
  return used - insertLiving(held, now, targetOf)
}

/** Doubles the slots of a bucket. */
export const grow = (bucket: IdBucket): void => {
  const held = bucket.slots
  bucket.slots = new Int32Array(2 * held.length)
  bucket.used = 0
  insertLiving(held, 0, () => bucket)
}

/** Gives the ids of single tokens an expiry long past. Returns the latest expiry that one of them had; 0 when there was none. */
export const expireTokens = ({ slots }: IdBucket): number => {
  let latest = 0
  for (let place = 0; place < slots.length; place += SLOT_WORDS) {
    const expires_at = expiryAt(slots, place)
    if (expires_at === 0 || isSignIn(slots[place + 1] ?? 0)) continue
    latest = Math.max(latest, expires_at)
    slots[place + EXPIRY] = 1
  }
  return latest
}

/** A buffer for the slots of a bucket that is redistributed: a new buffer each time would load the garbage collector. */
const scratch = new Int32Array(SLOTS * SLOT_WORDS)
const moved = new Int32Array(ID_WORDS)

/** Returns how many it inserted. */
const insertLiving = (held: Int32Array, now: number, targetOf: (lastWord: number) => IdBucket): number => {
  let living = 0
  for (let place = 0; place < held.length; place += SLOT_WORDS) {
    const expires_at = expiryAt(held, place)
    if (expires_at <= now) continue
    for (let word = 0; word < ID_WORDS; word += 1) moved[word] = held[place + word] ?? 0
    insert(targetOf(moved[3] ?? 0), moved, expires_at)
    living += 1
  }
  return living
}

/** The slot at which probing begins: by the high half of the last word, since the low half chose the bucket. */
const firstPlace = (slots: Int32Array, id: Int32Array): number =>
  ((((id[3] ?? 0) >>> 16) * (slots.length / SLOT_WORDS)) >>> 16) * SLOT_WORDS

const nextPlace = (slots: Int32Array, place: number): number =>
  place + SLOT_WORDS === slots.length ? 0 : place + SLOT_WORDS

/** The slot of the id, or the empty one where it would be inserted. */
const find = (slots: Int32Array, id: Int32Array): number => {
  let place = firstPlace(slots, id)
  while (slots[place + EXPIRY] !== 0 && !isAt(slots, place, id)) place = nextPlace(slots, place)
  return place
}

const isAt = (slots: Int32Array, place: number, id: Int32Array): boolean =>
  slots[place + 3] === id[3] &&
  slots[place + 2] === id[2] &&
  slots[place + 1] === id[1] &&
  slots[place] === id[0]

/**
 * Reads the expiry as an unsigned word, for times after 2038. The array itself is signed, because V8 allocates an object for an unsigned
 * word that is too large for a small integer.
 */
const expiryAt = (slots: Int32Array, place: number): number => (slots[place + EXPIRY] ?? 0) >>> 0
