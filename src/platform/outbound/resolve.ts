import { lookup, Resolver } from 'node:dns/promises'
import { errorCodeOf } from '../../domain/base/error-code.ts'

/** The addresses of a name. None when the name has none, or no name server answered before the signal. */
export type Resolve = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>

/** Milliseconds for one try at one name server. */
const TRY = { timeout: 1_000, tries: 2 }

const NONE: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED'])

/**
 * Ours – Asks the name servers from the event loop. `dns.lookup` would occupy a thread of the pool for as long as a dead name server is
 * waited for, and a few such names would hold up every other look-up of this process, that of Postgres among them. The system's own
 * look-up, which reads /etc/hosts and appends search domains, follows only where internal addresses are allowed at all.
 */
export const createResolve =
  ({ isInternalAllowed }: Readonly<{ isInternalAllowed: boolean }>): Resolve =>
  async (hostname, signal) => {
    const resolver = new Resolver(TRY)
    const cancel = () => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const [ipv4, ipv6] = await Promise.all([
        answerOf(resolver.resolve4(hostname)),
        answerOf(resolver.resolve6(hostname)),
      ])
      const addresses = [...ipv4.addresses, ...ipv6.addresses]
      const isUnknown = [ipv4, ipv6].every(({ code }) => code !== null && NONE.has(code))
      if (!isUnknown || !isInternalAllowed || signal.aborted) return addresses
      return await answerOf(systemLookup(hostname)).then(answer => answer.addresses)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

const answerOf = (
  asked: Promise<readonly string[]>,
): Promise<Readonly<{ addresses: readonly string[]; code: string | null }>> =>
  asked.then(
    addresses => ({ addresses, code: null }),
    (error: unknown) => ({ addresses: [], code: errorCodeOf(error) }),
  )

const systemLookup = async (hostname: string): Promise<readonly string[]> =>
  (await lookup(hostname, { all: true })).map(({ address }) => address)
