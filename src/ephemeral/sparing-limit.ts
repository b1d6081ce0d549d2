import type { Limit, RateLimit } from '../ports/limits.ts'

/** The fraction of a limit that each instance allows by its own count. For a limit under 10 it rounds to 0, so the limit is exact. */
const OWN_SHARE = 0.1
/** The most keys that are counted in process, a few megabytes. When the map is full, all counts restart at 0. */
const KEYS_AT_MOST = 50_000

/**
 * Ours – A limit for a path that must not ask Redis at each request. A key is counted in process first; once the key exceeds this
 * instance's share, all its points are added to the shared count. With a limit of 100, each instance allows 10 requests that the other
 * instances do not see: a key whose requests are spread over instances gets up to 10 more at each of them.
 */
export const createSparingLimit = (shared: Limit, rate: RateLimit): Limit => {
  if (rate === null) return shared
  const free = Math.floor(rate.count * OWN_SHARE)
  let counts = new Map<string, number>()
  let began = performance.now()

  const countHere = (key: string): number => {
    const now = performance.now()
    if (now - began >= rate.window_seconds * 1000 || counts.size >= KEYS_AT_MOST) {
      counts = new Map()
      began = now
    }
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    return count
  }

  return {
    isExhausted: key => shared.isExhausted(key),
    consume: async key => {
      const count = countHere(key)
      if (count <= free) return null
      const unseen = count === free + 1 ? free : 0
      const allowances = await Promise.all(Array.from({ length: unseen + 1 }, () => shared.consume(key)))
      return allowances.find(allowance => allowance?.isAllowed === false) ?? allowances.at(-1) ?? null
    },
  }
}
