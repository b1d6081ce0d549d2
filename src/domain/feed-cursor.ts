/**
 * PostgreSQL, "Transaction ID and Snapshot Information Functions" – What one statement could see: every transaction below
 * `xmax` but for those that were still running. A cursor of this form misses nothing when transactions commit in another
 * order than they began, and a transaction that runs for hours, in whichever database of the server, holds nothing up.
 */
export type Snapshot = Readonly<{
  /** When this Postgres started. After a restart, a failover or a restored backup the numbers may name other transactions. */
  server: string
  xmax: number
  /** Ascending. */
  running: readonly number[]
}>

/** What a follower has: all that `snapshot` saw, or of a large set the first `part` of `parts` equal shares. */
export type Cursor = Readonly<{ snapshot: Snapshot; part: number; parts: number }>

const CURSOR_MAX_CHARACTERS = 4096
const PARTS_MAX = 4096

const CURSOR = /^([\da-z]{1,13})\.([\da-z]{1,11})\.([\da-z-]*)(?:~(\d{1,4})\.(\d{1,4}))?$/

export const sees = ({ xmax, running }: Snapshot, transaction_id: number): boolean =>
  transaction_id < xmax && !running.includes(transaction_id)

/** The first transaction that it may not have seen. */
export const oldestUnseen = ({ xmax, running }: Snapshot): number => running[0] ?? xmax

/** True when everything that the one saw is also seen by the other: it is the same database, and not an earlier one. */
export const covers = (later: Snapshot, earlier: Snapshot): boolean =>
  later.server === earlier.server &&
  later.xmax >= earlier.xmax &&
  later.running.every(running => running >= earlier.xmax || earlier.running.includes(running))

export const formatCursor = ({ snapshot, part, parts }: Cursor): string => {
  const { server, xmax, running } = snapshot
  const gaps = running.map(transaction => (xmax - transaction).toString(36))
  const share = part < parts ? `~${part}.${parts}` : ''
  return `${server}.${xmax.toString(36)}.${gaps.join('-')}${share}`
}

/** Null for what `formatCursor` did not write: a cursor has one spelling, so that an answer has one address. */
export const parseCursor = (text: string): Cursor | null => {
  if (text.length > CURSOR_MAX_CHARACTERS) return null
  const [, server, last, gaps, part, parts] = CURSOR.exec(text) ?? []
  if (server === undefined || last === undefined) return null
  const xmax = Number.parseInt(last, 36)
  const running = gaps ? gaps.split('-').map(gap => xmax - Number.parseInt(gap, 36)) : []
  const cursor = { snapshot: { server, xmax, running }, part: Number(part ?? 1), parts: Number(parts ?? 1) }
  return isSound(cursor) && formatCursor(cursor) === text ? cursor : null
}

const isSound = ({ snapshot: { xmax, running }, parts }: Cursor): boolean =>
  Number.isSafeInteger(xmax) &&
  running.every((transaction, index) => transaction > (running[index - 1] ?? 0) && transaction < xmax) &&
  parts <= PARTS_MAX &&
  Number.isInteger(Math.log2(parts))
