import type { AddressRange } from '../../domain/base/ip-address.ts'
import { judgeOutboundAddress, judgeOutboundUrl } from '../../domain/outbound/outbound-target.ts'
import type { OutboundFailure, OutboundRefusal } from '../../domain/outbound/outbound-verdicts.ts'
import { withConnection } from './connect.ts'
import { outboundFailureOf } from './failures.ts'
import { createResolve } from './resolve.ts'

type Reaching = Readonly<{
  url: string
  /** Addresses that are reached although they are internal, by http too. */
  allow: readonly AddressRange[]
  /** For the name, the connection and TLS together. */
  timeout_milliseconds: number
}>

type Reached = Readonly<{ milliseconds: number }> | Readonly<{ reason: OutboundRefusal | OutboundFailure }>

/** Ours – How long a connection to the server of a URL takes, with TLS where the URL has it, under the rules of the guard. Sends no request. */
export const reachServer = async ({ url, allow, timeout_milliseconds }: Reaching): Promise<Reached> => {
  const judged = judgeOutboundUrl(url, allow)
  if ('refusal' in judged) return { reason: judged.refusal }
  const { target } = judged
  const signal = AbortSignal.timeout(timeout_milliseconds)
  const started = performance.now()
  try {
    const resolve = createResolve({ isInternalAllowed: allow.length > 0 })
    const addresses = target.address === null ? await resolve(target.hostname, signal) : [target.address]
    signal.throwIfAborted()
    if (addresses.length === 0) return { reason: 'name_unresolved' }
    const refusal = addresses
      .map(address => judgeOutboundAddress(address, target, allow))
      .find(each => each !== null)
    if (refusal !== undefined) return { reason: refusal }
    const connecting = { addresses, allow, authorities: undefined, signal }
    const answer = await withConnection(target, connecting, async () => ({
      milliseconds: performance.now() - started,
    }))
    return 'refusal' in answer ? { reason: answer.refusal } : answer
  } catch (error) {
    const reason = signal.aborted ? 'timed_out' : outboundFailureOf(error)
    if (reason === null) throw error
    return { reason }
  }
}
