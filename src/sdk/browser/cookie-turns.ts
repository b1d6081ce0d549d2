import { underLease } from './lease.ts'

/** Longer than a request may take: by then, every answer that was under way has come or was given up. */
const WAIT_MILLISECONDS = 11_000

/**
 * Ours – The requests whose answers set the cookie of the account API, in all tabs of an origin. A browser keeps the cookie of the answer
 * that comes last: a renewal that is answered after the sign-in of another person would bring the former person back. Renewals run beside
 * each other (`shared`), because they have one successor; a sign-in or a sign-out runs alone (`exclusive`). A lock that is held longer than a
 * request takes is not waited for.
 */
export const createCookieTurns =
  (issuer: string) =>
  async <T>(mode: LockMode, work: () => Promise<T>): Promise<T> => {
    const name = `signet ${issuer} cookie`
    const locks: LockManager | undefined = typeof navigator === 'undefined' ? undefined : navigator.locks
    if (locks === undefined) return underLease(name, work)
    let isBegun = false
    const begin = () => {
      isBegun = true
      return work()
    }
    const signal = AbortSignal.timeout(WAIT_MILLISECONDS)
    return locks.request(name, { mode, signal }, begin).catch((error: unknown) => {
      if (isBegun) throw error
      return work()
    })
  }
