import { randomText } from './encoding.ts'
import { openPageStore } from './store.ts'

/** As long as a request may take: the lease of a tab that was closed or frozen ends by itself. */
const LEASE_MILLISECONDS = 10_000
/** The time in which what one tab has written reaches the others. */
const PAUSE_MILLISECONDS = 100

/**
 * Does the work under a lease in localStorage, for browsers without `navigator.locks`, such as Safari before 15.4. Two
 * tabs may get it at once, which the server answers alike; it keeps a tab from presenting a token that others have renewed twice by then.
 */
export const underLease = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
  const lease = openPageStore(() => localStorage, `${name} lease`)
  const id = randomText()
  const isOurs = () => lease.read()?.['id'] === id
  const ends = Date.now() + LEASE_MILLISECONDS
  while (Date.now() < ends) {
    const until = Number(lease.read()?.['until'] ?? 0)
    const isFree = until <= Date.now() || until > Date.now() + LEASE_MILLISECONDS
    if (isFree) lease.write({ id, until: Date.now() + LEASE_MILLISECONDS })
    await new Promise(resolve => setTimeout(resolve, PAUSE_MILLISECONDS))
    if (isOurs()) break
  }
  try {
    return await work()
  } finally {
    if (isOurs()) lease.write(null)
  }
}
