import { type Snapshot, oldestUnseen, sees } from './feed-cursor.ts'
import type { Revocation } from './revocation.ts'
import { isUuid } from './uuid.ts'

/**
 * Ours – Entries as they travel. `ids`: of access tokens and sign-ins, by the minute in which they may be forgotten; 16 bytes
 * each, strung together, in base64url. `named`: the others, as kind, value, expiry and issued_until.
 */
export type Portion = Readonly<{
  ids: Readonly<Record<string, string>>
  named: readonly (readonly [string, string, number, number | null])[]
}>

const ID_BYTES = 16
const ID_WORDS = 4
/** One minute for many entries spares the expiry of each. That one is remembered a little too long does no harm. */
const EXPIRY_STEP_SECONDS = 60

/** Every unexpired entry, in 28 bytes each: a million must not weigh on a server. */
export const createRevocationLog = () => {
  let room = 1024
  let words = new Uint32Array(room * ID_WORDS)
  let ids = Buffer.from(words.buffer)
  let transactions = new Float64Array(room)
  let expiries = new Uint32Array(room)
  let size = 0
  let newest = 0
  const named = new Map<string, Revocation>()

  const grow = () => {
    room *= 2
    words = extended(words, new Uint32Array(room * ID_WORDS))
    ids = Buffer.from(words.buffer)
    transactions = extended(transactions, new Float64Array(room))
    expiries = extended(expiries, new Uint32Array(room))
  }

  const add = (revocation: Revocation) => {
    const { kind, value, expires_at, issued_until, transaction_id } = revocation
    newest = Math.max(newest, transaction_id)
    if (issued_until !== null || !isUuid(value)) {
      named.set(`${kind} ${value}`, revocation)
      return
    }
    if (size === room) grow()
    ids.write(value.replaceAll('-', ''), size * ID_BYTES, 'hex')
    transactions[size] = transaction_id
    expiries[size] = Math.ceil(expires_at / EXPIRY_STEP_SECONDS) * EXPIRY_STEP_SECONDS
    size += 1
  }

  const indexes = (isWanted: (index: number) => boolean): readonly number[] => {
    const wanted: number[] = []
    for (let index = 0; index < size; index += 1) if (isWanted(index)) wanted.push(index)
    return wanted
  }
  const unseenBy = (snapshot: Snapshot) => {
    const oldest = oldestUnseen(snapshot)
    return (transaction: number) => transaction >= oldest && !sees(snapshot, transaction)
  }

  const pack = (wanted: readonly number[], rest: readonly Revocation[]): Portion => {
    const groups = new Map<number, number[]>()
    for (const index of wanted) {
      const expiry = expiries[index] ?? 0
      const group = groups.get(expiry)
      if (group === undefined) groups.set(expiry, [index])
      else group.push(index)
    }
    return {
      ids: Object.fromEntries([...groups].map(([expiry, group]) => [expiry, encode(words, group)])),
      named: rest.map(({ kind, value, expires_at, issued_until }) => [kind, value, expires_at, issued_until]),
    }
  }

  return {
    size: () => size + named.size,
    add: (revocations: readonly Revocation[]) => {
      for (const revocation of revocations) add(revocation)
    },
    /** What a reader who saw `snapshot` does not have; null when it is more than `most`. */
    since: (snapshot: Snapshot, most: number): Portion | null => {
      if (newest < oldestUnseen(snapshot)) return { ids: {}, named: [] }
      const isUnseen = unseenBy(snapshot)
      const wanted = indexes(index => isUnseen(transactions[index] ?? 0))
      const rest = [...named.values()].filter(({ transaction_id }) => isUnseen(transaction_id))
      return wanted.length + rest.length > most ? null : pack(wanted, rest)
    },
    /** One share of everything; the named ones are in the first. `parts` is a power of two: the last bytes of an id are random. */
    part: (part: number, parts: number): Portion =>
      pack(
        indexes(index => (ids.readUInt16BE(index * ID_BYTES + 14) & (parts - 1)) === part),
        part === 0 ? [...named.values()] : [],
      ),
    /** Forgets what has expired. `now` in seconds. */
    sweep: (now: number) => {
      let kept = 0
      for (let index = 0; index < size; index += 1) {
        if ((expiries[index] ?? 0) <= now) continue
        words.copyWithin(kept * ID_WORDS, index * ID_WORDS, (index + 1) * ID_WORDS)
        transactions[kept] = transactions[index] ?? 0
        expiries[kept] = expiries[index] ?? 0
        kept += 1
      }
      size = kept
      for (const [key, { expires_at }] of named) if (expires_at <= now) named.delete(key)
    },
  }
}

export type RevocationLog = ReturnType<typeof createRevocationLog>

const extended = <A extends Float64Array | Uint32Array>(old: A, roomier: A): A => {
  roomier.set(old)
  return roomier
}

/** Copied by the word: by the byte it would hold up the event loop. */
const encode = (words: Uint32Array, group: readonly number[]): string => {
  const copy = new Uint32Array(group.length * ID_WORDS)
  for (let place = 0; place < group.length; place += 1) {
    const from = (group[place] ?? 0) * ID_WORDS
    for (let word = 0; word < ID_WORDS; word += 1) copy[place * ID_WORDS + word] = words[from + word] ?? 0
  }
  return Buffer.from(copy.buffer).toString('base64url')
}
