/** Ids of 16 bytes with their expiry, 20 bytes each in flat arrays: a million in 42 MB, and nothing for the collector to walk. */
export type IdSet = Readonly<{
  /** The ids that stand in `bytes`, one after another. */
  addAll(bytes: Uint8Array, expires_at: number): void
  /** Whether a UUID in its canonical text is there. */
  has(uuid: string): boolean
  size(): number
  /** Forgets what expired, in the next of the shards: a share of the work at a time. `now` in seconds. */
  sweep(now: number, shards?: number): void
}>

const ID_BYTES = 16
const WORDS = 5
const EXPIRY = 4
/** Each grows by itself, so that a growing set never stands in memory twice. A power of two. */
export const SHARDS = 64
const LEAST_SLOTS = 16
const FULL = 0.75

type Shard = { slots: Uint32Array; used: number }

export const createIdSet = (): IdSet => {
  const shards: Shard[] = Array.from({ length: SHARDS }, () => ({ slots: slotsFor(0), used: 0 }))
  const id = new Uint32Array(4)
  let size = 0
  let next = 0

  const shardOf = (): Shard => shards[(id[3] ?? 0) & (SHARDS - 1)] ?? unreachable()

  const add = (expires_at: number) => {
    const shard = shardOf()
    const place = find(shard.slots, id)
    if (shard.slots[place + EXPIRY] === 0) {
      shard.used += 1
      size += 1
    }
    put(shard.slots, place, id, Math.max(expires_at, shard.slots[place + EXPIRY] ?? 0))
    if (shard.used > (shard.slots.length / WORDS) * FULL) rebuild(shard, 0)
  }

  return {
    addAll: (bytes, expires_at) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      for (let offset = 0; offset < bytes.length; offset += ID_BYTES) {
        for (let word = 0; word < 4; word += 1) id[word] = view.getUint32(offset + word * 4)
        add(expires_at)
      }
    },
    has: uuid => {
      if (size === 0 || uuid.length !== 36 || !readWord(uuid, id, 3)) return false
      const { slots } = shardOf()
      return mayHave(slots, id) && readUuid(uuid, id) && slots[find(slots, id) + EXPIRY] !== 0
    },
    size: () => size,
    sweep: (now, count = 1) => {
      for (let turn = 0; turn < count; turn += 1) {
        const shard = shards[next] ?? unreachable()
        next = (next + 1) % SHARDS
        const before = shard.used
        rebuild(shard, now)
        size -= before - shard.used
      }
    },
  }
}

const unreachable = (): never => {
  throw new Error('a shard that is not there')
}

const slotsFor = (ids: number): Uint32Array => {
  let slots = LEAST_SLOTS
  while (slots * FULL <= ids + 1) slots *= 2
  return new Uint32Array(slots * WORDS)
}

/** Ids are random, so that the last word spread by a multiplication is as good as a hash. Its lowest bits chose the shard. */
const firstSlot = (count: number, id: Uint32Array): number =>
  (Math.imul(id[3] ?? 0, 0x9e3779b1) >>> 8) & (count - 1)

/** By the last word alone, which tells nearly every id that is not there: the others are not even read. */
const mayHave = (slots: Uint32Array, id: Uint32Array): boolean => {
  const count = slots.length / WORDS
  for (let slot = firstSlot(count, id); ; slot = (slot + 1) & (count - 1)) {
    if (slots[slot * WORDS + EXPIRY] === 0) return false
    if (slots[slot * WORDS + 3] === id[3]) return true
  }
}

/** Where the id is, or would be. */
const find = (slots: Uint32Array, id: Uint32Array): number => {
  const count = slots.length / WORDS
  let slot = firstSlot(count, id)
  for (;;) {
    const place = slot * WORDS
    if (slots[place + EXPIRY] === 0 || isAt(slots, place, id)) return place
    slot = (slot + 1) & (count - 1)
  }
}

const isAt = (slots: Uint32Array, place: number, id: Uint32Array): boolean =>
  slots[place + 3] === id[3] &&
  slots[place + 2] === id[2] &&
  slots[place + 1] === id[1] &&
  slots[place] === id[0]

const put = (slots: Uint32Array, place: number, id: Uint32Array, expires_at: number) => {
  slots.set(id, place)
  slots[place + EXPIRY] = expires_at
}

/** Moves what expires after `now` into as many slots as it needs. */
const rebuild = (shard: Shard, now: number) => {
  const old = shard.slots
  let used = 0
  for (let place = 0; place < old.length; place += WORDS) if ((old[place + EXPIRY] ?? 0) > now) used += 1
  if (used === shard.used && slotsFor(used).length === old.length) return
  const slots = slotsFor(used)
  for (let place = 0; place < old.length; place += WORDS) {
    const expires_at = old[place + EXPIRY] ?? 0
    if (expires_at <= now) continue
    const id = old.subarray(place, place + EXPIRY)
    put(slots, find(slots, id), id, expires_at)
  }
  shard.slots = slots
  shard.used = used
}

/** Values of hexadecimal digits by character code; -1 for all else. Capitals are not canonical. */
const DIGITS = Int8Array.from({ length: 128 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code)),
)

/** RFC 9562 §4 – False when the text is no canonical UUID. By hand, because this runs for each request that is verified. */
const readUuid = (text: string, id: Uint32Array): boolean => {
  for (const place of DASHES) if (text.charCodeAt(place) !== DASH) return false
  return [0, 1, 2, 3].every(word => readWord(text, id, word))
}

const readWord = (text: string, id: Uint32Array, word: number): boolean => {
  let faults = 0
  let value = 0
  for (let byte = word * 4; byte < word * 4 + 4; byte += 1) {
    const read = byteAt(text, BYTE_PLACES[byte] ?? 0)
    faults |= read
    value = (value << 8) | read
  }
  id[word] = value
  return faults >= 0
}

/** Where the two digits of each byte are in xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. */
const BYTE_PLACES = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)
const DASHES = [8, 13, 18, 23] as const
const DASH = 0x2d

/** Negative when one of its digits is none. */
const byteAt = (text: string, place: number): number =>
  ((DIGITS[text.charCodeAt(place)] ?? -1) << 4) | (DIGITS[text.charCodeAt(place + 1)] ?? -1)
