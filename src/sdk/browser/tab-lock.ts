import { randomText } from './encoding.ts'
import { underLease } from './lease.ts'

/** Longer than a request may take: by then, every answer that was under way has come or was given up. */
const WAIT_MILLISECONDS = 11_000

/**
 * Does the work while no other tab does its own under the same name; with `shared`, beside others that are shared. A lock that is held longer
 * than a request takes is not waited for: a frozen tab may hold it.
 */
export const underLock = async <T>(name: string, mode: LockMode, work: () => Promise<T>): Promise<T> => {
  const locks: LockManager | undefined = typeof navigator === 'undefined' ? undefined : navigator.locks
  if (locks === undefined) return underLease(name, work)
  let isBegun = false
  const begin = async () => {
    isBegun = true
    await exchangeMessages()
    const result = await work()
    await exchangeMessages()
    return result
  }
  const signal = AbortSignal.timeout(WAIT_MILLISECONDS)
  return locks.request(name, { mode, signal }, begin).catch((error: unknown) => {
    if (isBegun) throw error
    return work()
  })
}

/**
 * Resolves when the browser has taken every message that this tab has sent before, and this tab every message that was on its way. The
 * release or the grant of a lock may overtake a message. A message that this tab sends to itself overtakes none.
 */
const exchangeMessages = () =>
  new Promise<void>(resolve => {
    if (typeof BroadcastChannel === 'undefined') return resolve()
    const name = randomText()
    const [from, to] = [new BroadcastChannel(name), new BroadcastChannel(name)]
    to.addEventListener('message', () => {
      from.close()
      to.close()
      resolve()
    })
    from.postMessage(0)
  })
