import { parseAddress } from './ip-address.ts'

/** The header that names the client's address. A proxy writes one of them and may forward the other as a client forged it. */
export const FORWARDED_HEADERS = ['x-forwarded-for', 'forwarded'] as const
export type ForwardedHeader = (typeof FORWARDED_HEADERS)[number]

/**
 * The addresses that such a header lists, the nearest hop first; null for a hop that names none (`unknown`, an obfuscated name, anything
 * malformed). The header is read from the right, where trusted proxies append: text that a client wrote to the left of their entries can
 * neither hide nor change these.
 */
export const hopsOf = (name: ForwardedHeader, value: string): Iterable<string | null> =>
  name === 'forwarded' ? forwardedHops(value) : listedHops(value)

/** `X-Forwarded-For`: addresses separated by commas, without quotes. */
function* listedHops(value: string): Generator<string | null> {
  for (const hop of value.split(',').toReversed()) yield parseAddress(hop)
}

/** RFC 7239 §4 – Elements separated by commas, each of pairs whose values may be quoted. */
function* forwardedHops(value: string): Generator<string | null> {
  let end = value.length
  while (end >= 0) {
    const start = startOfElement(value, end)
    yield addressOf(value.slice(start, end))
    end = start - 1
  }
}

/** The index after the last unquoted comma before `end`. */
const startOfElement = (value: string, end: number): number => {
  let isQuoted = false
  for (let at = end - 1; at >= 0; at -= 1) {
    if (value[at] === '"' && !isEscaped(value, at)) isQuoted = !isQuoted
    else if (value[at] === ',' && !isQuoted) return at + 1
  }
  return 0
}

/** RFC 9110 §5.6.4 – True in a quoted-pair: an odd number of backslashes precedes the character. */
const isEscaped = (value: string, at: number): boolean => {
  let before = at
  while (value[before - 1] === '\\') before -= 1
  return (at - before) % 2 === 1
}

const PAIR = /\s*([!#$%&'*+.^`|~\w-]+)=("(?:[^"\\]|\\.)*"|[^\s",;]*)\s*(?:;|$)/y

/** The only `for` of an element. Null when it is absent or repeated, or when the element breaks the grammar. */
const addressOf = (element: string): string | null => {
  const named: string[] = []
  PAIR.lastIndex = 0
  while (PAIR.lastIndex < element.length) {
    const [, name, value] = PAIR.exec(element) ?? []
    if (name === undefined || value === undefined) return null
    if (name.toLowerCase() === 'for') named.push(value)
  }
  const [value, other] = named
  if (value === undefined || other !== undefined) return null
  return parseAddress(value.replace(/^"(.*)"$/, '$1').replaceAll(/\\(.)/g, '$1'))
}
