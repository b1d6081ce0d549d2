import { isUuid } from '../base/uuid.ts'
import type { NumberedRevocation, Revocation } from './revocation.ts'

/**
 * Ours – Entries as they travel. `ids`: of access tokens and sign-ins, by the minute in which they may be forgotten; 16 bytes
 * each, strung together, in base64url. `named`: the others, as kind, value, expiry and issued_until.
 */
export type Portion = Readonly<{
  ids: Readonly<Record<string, string>>
  named: readonly (readonly [string, string, number, number | null])[]
}>

/** What goes into a portion: numbered ones by their index and as they are, and those without a number. */
type Chosen = Readonly<{
  wanted: readonly number[]
  rest: readonly Revocation[]
  unnumbered: readonly Revocation[]
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
  let numbers = new Float64Array(room)
  let expiries = new Uint32Array(room)
  let size = 0
  let newest = 0
  const named = new Map<string, NumberedRevocation>()

  const grow = () => {
    room *= 2
    words = extended(words, new Uint32Array(room * ID_WORDS))
    ids = Buffer.from(words.buffer)
    numbers = extended(numbers, new Float64Array(room))
    expiries = extended(expiries, new Uint32Array(room))
  }

  const add = (revocation: NumberedRevocation) => {
    const { kind, value, expires_at, number } = revocation
    newest = Math.max(newest, number)
    if (!isBareId(revocation)) {
      named.set(`${kind} ${value}`, revocation)
      return
    }
    if (size === room) grow()
    ids.write(hexOf(revocation), size * ID_BYTES, 'hex')
    numbers[size] = number
    expiries[size] = roundedUp(expires_at)
    size += 1
  }

  const indexes = (isWanted: (index: number) => boolean): readonly number[] => {
    const wanted: number[] = []
    for (let index = 0; index < size; index += 1) if (isWanted(index)) wanted.push(index)
    return wanted
  }
  const shareOf = (part: number, parts: number) => (index: number) =>
    (ids.readUInt16BE(index * ID_BYTES + 14) & (parts - 1)) === part
  const after = (number: number) => ({
    wanted: indexes(index => (numbers[index] ?? 0) > number),
    rest: [...named.values()].filter(entry => entry.number > number),
  })

  const pack = ({ wanted, rest, unnumbered }: Chosen): Portion => {
    const groups = groupedBy(wanted, index => expiries[index] ?? 0)
    const late = groupedBy(unnumbered.filter(isBareId), ({ expires_at }) => roundedUp(expires_at))
    const encode = (expiry: number): string =>
      Buffer.concat([
        copyOf(words, groups.get(expiry) ?? []),
        Buffer.from((late.get(expiry) ?? []).map(hexOf).join(''), 'hex'),
      ]).toString('base64url')
    const all = [...new Set([...groups.keys(), ...late.keys()])]
    return {
      ids: Object.fromEntries(all.map(expiry => [expiry, encode(expiry)])),
      named: [...rest, ...unnumbered.filter(entry => !isBareId(entry))].map(
        ({ kind, value, expires_at, issued_until }) => [kind, value, expires_at, issued_until],
      ),
    }
  }

  return {
    size: () => size + named.size,
    add: (revocations: readonly NumberedRevocation[]) => {
      for (const revocation of revocations) add(revocation)
    },
    /** What was numbered after `number`, and `unnumbered`; null when it is more than `most`. */
    since: (number: number, unnumbered: readonly Revocation[], most: number): Portion | null => {
      const { wanted, rest } = newest > number ? after(number) : { wanted: [], rest: [] }
      return wanted.length + rest.length > most ? null : pack({ wanted, rest, unnumbered })
    },
    /** How many were numbered after `number`. */
    countAfter: (number: number): number => {
      if (newest <= number) return 0
      const { wanted, rest } = after(number)
      return wanted.length + rest.length
    },
    /** One share of everything; the named ones are in the first. `parts` is a power of two: the last bytes of an id are random. */
    part: (part: number, parts: number): Portion =>
      pack({
        wanted: indexes(shareOf(part, parts)),
        rest: part === 0 ? [...named.values()] : [],
        unnumbered: [],
      }),
    /** The last share, and with it what came since the first one was given. */
    lastPart: (
      parts: number,
      late: Readonly<{ number: number; unnumbered: readonly Revocation[] }>,
    ): Portion => {
      const isOfShare = shareOf(parts - 1, parts)
      const rest = [...named.values()].filter(entry => parts === 1 || entry.number > late.number)
      return pack({
        wanted: indexes(index => isOfShare(index) || (numbers[index] ?? 0) > late.number),
        rest,
        unnumbered: late.unnumbered,
      })
    },
    /** Forgets what has expired. `now` in seconds. */
    sweep: (now: number) => {
      let kept = 0
      for (let index = 0; index < size; index += 1) {
        if ((expiries[index] ?? 0) <= now) continue
        words.copyWithin(kept * ID_WORDS, index * ID_WORDS, (index + 1) * ID_WORDS)
        numbers[kept] = numbers[index] ?? 0
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
const copyOf = (words: Uint32Array, group: readonly number[]): Buffer => {
  const copy = new Uint32Array(group.length * ID_WORDS)
  for (let place = 0; place < group.length; place += 1) {
    const from = (group[place] ?? 0) * ID_WORDS
    for (let word = 0; word < ID_WORDS; word += 1) copy[place * ID_WORDS + word] = words[from + word] ?? 0
  }
  return Buffer.from(copy.buffer)
}

/** `Map.groupBy`, which Node 20 lacks. */
const groupedBy = <T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, readonly T[]> => {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

/** One that travels as 16 bytes. */
const isBareId = ({ value, issued_until }: Revocation): boolean => issued_until === null && isUuid(value)

const hexOf = ({ value }: Revocation): string => value.replaceAll('-', '')

const roundedUp = (expires_at: number): number =>
  Math.ceil(expires_at / EXPIRY_STEP_SECONDS) * EXPIRY_STEP_SECONDS
