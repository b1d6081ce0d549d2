import type { Limit, RateLimit } from '../ports/limits.ts'

/** The part of a limit that each instance lets pass by its own count. Small limits have none: they hold exactly. */
const OWN_SHARE = 0.1
/** Keys that are counted here, at most: some megabytes. Beyond them counting begins anew. */
const KEYS_AT_MOST = 50_000

/**
 * Ours – A limit for a path that must not ask Redis each time: a key is counted in process, and the shared count is asked only about
 * keys that are busy here, which then brings what was counted before. Of a limit of 100 each instance lets 10 pass unseen, so that
 * a key gets 10 more for each instance that it stays under them with.
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
