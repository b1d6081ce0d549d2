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

  const shardOf = (): Shard => shards[(id[2] ?? 0) & (SHARDS - 1)] ?? unreachable()

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
      if (size === 0 || !readUuid(uuid, id)) return false
      const { slots } = shardOf()
      return slots[find(slots, id) + EXPIRY] !== 0
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

/** Where the id is, or would be. Ids are random, so that the last word spread by a multiplication is as good as a hash. */
const find = (slots: Uint32Array, id: Uint32Array): number => {
  const count = slots.length / WORDS
  let slot = (Math.imul(id[3] ?? 0, 0x9e3779b1) >>> 4) & (count - 1)
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

/** Where the eight digits of each word are in xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. */
const DIGIT_PLACES = Uint8Array.from(
  Array.from({ length: 36 }, (_, place) => place).filter(place => ![8, 13, 18, 23].includes(place)),
)

/** RFC 9562 §4 – False when the text is no canonical UUID. By hand: this runs for each request that is verified. */
const readUuid = (text: string, id: Uint32Array): boolean => {
  if (text.length !== 36) return false
  for (const dash of DASHES) if (text.charCodeAt(dash) !== DASH) return false
  let word = 0
  for (let index = 0; index < 32; index += 1) {
    const digit = DIGITS[text.charCodeAt(DIGIT_PLACES[index] ?? 0)] ?? -1
    if (digit < 0) return false
    word = (word << 4) | digit
    if ((index & 7) === 7) id[index >> 3] = word
  }
  return true
}

const DASHES = [8, 13, 18, 23] as const
const DASH = 0x2d
