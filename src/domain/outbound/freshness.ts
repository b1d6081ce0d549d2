/**
 * RFC 9111 §4.2.1 – Seconds for which an answer is fresh, of a cache that all clients share, without the time that it has spent in caches
 * on the way. Null where the answer does not say. 0 where it must not be reused.
 */
export const freshSecondsOf = (headers: ReadonlyMap<string, string>): number | null => {
  const directives = directivesOf(headers.get('cache-control') ?? '')
  if (directives.has('no-store') || directives.has('no-cache')) return 0
  const lifetime =
    secondsIn(directives.get('s-maxage')) ?? secondsIn(directives.get('max-age')) ?? expirySecondsOf(headers)
  return lifetime === null ? null : Math.max(0, lifetime - (secondsIn(headers.get('age')) ?? 0))
}

const directivesOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split(',').map(directive => {
      const [name = '', value = ''] = directive.trim().toLowerCase().split('=', 2)
      return [name, value.replaceAll('"', '')]
    }),
  )

const secondsIn = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null

/** RFC 9111 §5.3 – Measured from the sender's own clock. */
const expirySecondsOf = (headers: ReadonlyMap<string, string>): number | null => {
  const expires = headers.get('expires')
  if (expires === undefined) return null
  const seconds = (Date.parse(expires) - Date.parse(headers.get('date') ?? '')) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0
}
