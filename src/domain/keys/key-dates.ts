/** The times of a key's first publication and of its first signature, from its file; null where the file has none. */
export type KeyDates = Readonly<{ signs_from: Date | null; announced_at: Date | null }>

const BEGIN = '-----BEGIN '

const NAMES = { signs_from: 'Signs-From', announced_at: 'Announced-At' } as const

/**
 * RFC 7468 §2 – Text before a PEM's first line is not part of the key, and tools ignore it. Ours: two lines of this text have the key's
 * place in the schedule, so that a secret may be mounted under any name, at any time, and repeatedly.
 */
export const formatKeyDates = ({ signs_from, announced_at }: KeyDates): string =>
  [
    ...(announced_at === null ? [] : [`${NAMES.announced_at}: ${formatMoment(announced_at)}\n`]),
    ...(signs_from === null ? [] : [`${NAMES.signs_from}: ${formatMoment(signs_from)}\n`]),
  ].join('')

/** Returns a fault that names the line without a valid time. */
export const parseKeyDates = (pem: string): KeyDates | { readonly fault: string } => {
  const lines = pem.slice(0, Math.max(0, pem.indexOf(BEGIN))).split(/\r?\n/)
  const read = (name: string): Date | null | string => {
    const text = lines
      .find(line => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim()
    if (text === undefined) return null
    return parseMoment(text) ?? `has a line ${name} whose value is not a time such as 2026-11-21T07:00:00Z`
  }
  const [signs_from, announced_at] = [read(NAMES.signs_from), read(NAMES.announced_at)]
  if (typeof signs_from === 'string') return { fault: signs_from }
  if (typeof announced_at === 'string') return { fault: announced_at }
  return { signs_from, announced_at }
}

/** RFC 3339 – A moment in UTC, to the second. Null for any other text. */
export const parseMoment = (text: string): Date | null => {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return null
  const date = new Date(text)
  return Number.isNaN(date.getTime()) || formatMoment(date) !== text ? null : date
}

const formatMoment = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`
