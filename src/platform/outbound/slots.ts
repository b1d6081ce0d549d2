type Bounds = Readonly<{
  overall: number
  per_host: number
  /** Callers that wait for a slot, at most. */
  waiting: number
}>
type Release = () => void
type Waiter = Readonly<{ host: string; grant: (release: Release | null) => void }>

/** A semaphore with a count for each host: a host that does not answer holds up requests to itself, and no others. */
export const createSlots = ({ overall, per_host, waiting }: Bounds) => {
  const busy = new Map<string, number>()
  const queue = new Set<Waiter>()
  let total = 0

  const hasRoom = (host: string) => total < overall && (busy.get(host) ?? 0) < per_host

  const take = (host: string): Release => {
    total += 1
    busy.set(host, (busy.get(host) ?? 0) + 1)
    return () => {
      total -= 1
      const left = (busy.get(host) ?? 1) - 1
      if (left === 0) busy.delete(host)
      else busy.set(host, left)
      serveNext()
    }
  }

  const serveNext = () => {
    const next = [...queue].find(({ host }) => hasRoom(host))
    if (next === undefined) return
    queue.delete(next)
    next.grant(take(next.host))
  }

  return {
    /** Resolves with the function that gives the slot back; null when there was none before the signal, or too many wait. */
    acquire: (host: string, signal: AbortSignal): Promise<Release | null> => {
      if (signal.aborted) return Promise.resolve(null)
      if (hasRoom(host)) return Promise.resolve(take(host))
      if (queue.size >= waiting) return Promise.resolve(null)
      return new Promise(resolve => {
        const onAbort = () => {
          queue.delete(waiter)
          resolve(null)
        }
        const waiter: Waiter = {
          host,
          grant: release => {
            signal.removeEventListener('abort', onAbort)
            resolve(release)
          },
        }
        queue.add(waiter)
        signal.addEventListener('abort', onAbort, { once: true })
      })
    },
  }
}
