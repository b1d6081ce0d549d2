import type { Clock } from '../../ports/effects.ts'

type Kept<V> = Readonly<{ value: V; since: number; until: number }>

/** A cache with a lifetime for each value that drops the value that was not used for longest when it is full. */
export const createRecent = <V>({ most, clock }: Readonly<{ most: number; clock: Clock }>) => {
  const kept = new Map<string, Kept<V>>()

  /** A map has the order in which its keys were set: the first one was not used for longest. */
  const touch = (key: string): Kept<V> | null => {
    const found = kept.get(key)
    if (found === undefined) return null
    kept.delete(key)
    kept.set(key, found)
    return found
  }

  return {
    /** Null where the value is not known or its lifetime has passed; also when the clock was set back to before it was kept. */
    fresh: (key: string): V | null => {
      const found = touch(key)
      const now = clock().getTime()
      return found !== null && now >= found.since && now < found.until ? found.value : null
    },
    /** The value that was kept last, however long ago. */
    last: (key: string): V | null => kept.get(key)?.value ?? null,
    keep: (key: string, value: V, seconds: number): void => {
      const now = clock().getTime()
      kept.delete(key)
      kept.set(key, { value, since: now, until: now + seconds * 1000 })
      for (const oldest of kept.keys()) {
        if (kept.size <= most) return
        kept.delete(oldest)
      }
    },
  }
}
