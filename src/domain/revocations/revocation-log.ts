import { createIdColumns } from './id-columns.ts'
import { createPortion, hexOf, isBareId, type Portion, roundedExpiryOf } from './portion.ts'
import type { NumberedRevocation, Revocation } from './revocation.ts'

/** Ours – All unexpired revocations with a number, in memory, from which the feed's answers are made. */
export const createRevocationLog = () => {
  const ids = createIdColumns()
  /** The entries that are not bare ids, by kind and value. */
  const named = new Map<string, NumberedRevocation>()
  let newest = 0

  const add = (revocation: NumberedRevocation) => {
    const { kind, value, number } = revocation
    newest = Math.max(newest, number)
    if (!isBareId(revocation)) named.set(`${kind} ${value}`, revocation)
    else ids.add({ hex: hexOf(revocation), number, expires_at: roundedExpiryOf(revocation) })
  }

  const namedAfter = (number: number) => [...named.values()].filter(entry => entry.number > number)
  const allAfter = (number: number) =>
    newest > number ? { rows: ids.rowsAfter(number), entries: namedAfter(number) } : { rows: [], entries: [] }

  /** The shares have about one size, because the last bytes of an id are random. */
  const isOfShare = (part: number, parts: number) => (row: number) =>
    (ids.lastBytesAt(row) & (parts - 1)) === part

  return {
    size: () => ids.size() + named.size,
    add: (revocations: readonly NumberedRevocation[]): void => {
      for (const revocation of revocations) add(revocation)
    },
    /** The entries that were numbered after `number`, and `unnumbered`. Null for more than `most` numbered entries. */
    since: (number: number, unnumbered: readonly Revocation[], most: number): Portion | null => {
      const { rows, entries } = allAfter(number)
      if (rows.length + entries.length > most) return null
      return createPortion(ids, { rows, entries: [...entries, ...unnumbered] })
    },
    /** The count of entries that were numbered after `number`. */
    countAfter: (number: number): number => {
      const { rows, entries } = allAfter(number)
      return rows.length + entries.length
    },
    /** One of `parts` shares of all ids. `parts` is a power of two. The first share also has the named entries. */
    part: (part: number, parts: number): Portion =>
      createPortion(ids, {
        rows: ids.rowsWhere(isOfShare(part, parts)),
        entries: part === 0 ? [...named.values()] : [],
      }),
    /** The last share, with every entry that came since the first one was sent. */
    lastPart: (
      parts: number,
      late: Readonly<{ number: number; unnumbered: readonly Revocation[] }>,
    ): Portion => {
      const isInShare = isOfShare(parts - 1, parts)
      const entries = parts === 1 ? [...named.values()] : namedAfter(late.number)
      return createPortion(ids, {
        rows: ids.rowsWhere(row => isInShare(row) || ids.numberAt(row) > late.number),
        entries: [...entries, ...late.unnumbered],
      })
    },
    /** Drops expired entries. `now` in seconds. */
    sweep: (now: number): void => {
      ids.sweep(now)
      for (const [key, { expires_at }] of named) if (expires_at <= now) named.delete(key)
    },
  }
}

export type RevocationLog = ReturnType<typeof createRevocationLog>
