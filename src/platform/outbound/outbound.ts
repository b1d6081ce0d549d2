import { type IncomingMessage, request as sendRequest } from 'node:http'
import type { Socket } from 'node:net'
import type { AddressRange } from '../../domain/base/ip-address.ts'
import {
  judgeOutboundAddress,
  judgeOutboundUrl,
  type OutboundTarget,
} from '../../domain/outbound/outbound-target.ts'
import type { OutboundFailure } from '../../domain/outbound/outbound-verdicts.ts'
import type { Outbound, OutboundOutcome, OutboundRequest } from '../../ports/outbound.ts'
import { withConnection } from './connect.ts'
import { outboundFailureOf } from './failures.ts'
import { createResolve, type Resolve } from './resolve.ts'
import { createSlots } from './slots.ts'

type Guard = Readonly<{
  /** Addresses that are reached although they are internal, by http too. */
  allow: readonly AddressRange[]
  /** By default the name servers of this machine. */
  resolve?: Resolve
  /** PEM. By default the authorities that this process trusts. */
  authorities?: string
  /** Requests to one host at a time. Default 4. */
  per_host?: number
}>

const SLOTS = { overall: 64, per_host: 4, waiting: 256 }
const HEADERS_MAX_BYTES = 8_192

/**
 * Ours – The one way to servers of others. https to public addresses, judged on the connected socket; either scheme to the addresses of
 * OUTBOUND_ALLOW. No redirect is followed, no proxy of the environment is used, no cookie is kept, no connection is used twice, and every
 * request is bounded in time, in bytes and in its number at once.
 */
export const createOutbound = ({
  allow,
  resolve = createResolve({ isInternalAllowed: allow.length > 0 }),
  authorities,
  per_host = SLOTS.per_host,
}: Guard): Outbound & Readonly<{ close: () => void }> => {
  const slots = createSlots({ ...SLOTS, per_host })
  const terms = createTerms()

  const exchange = async (
    target: OutboundTarget,
    request: OutboundRequest,
    signal: AbortSignal,
  ): Promise<OutboundOutcome> => {
    const addresses = target.address === null ? await resolve(target.hostname, signal) : [target.address]
    signal.throwIfAborted()
    if (addresses.length === 0) return { outcome: 'failed', reason: 'name_unresolved' }
    const refusals = addresses.map(address => judgeOutboundAddress(address, target, allow))
    const refusal = refusals.find(each => each !== null)
    if (refusal !== undefined) return { outcome: 'refused', reason: refusal }
    const answer = await withConnection(target, { addresses, allow, authorities, signal }, socket =>
      ask(socket, { target, request, signal }),
    )
    return 'refusal' in answer ? { outcome: 'refused', reason: answer.refusal } : answer
  }

  return {
    send: async request => {
      const judged = judgeOutboundUrl(request.url, allow)
      if ('refusal' in judged) return { outcome: 'refused', reason: judged.refusal }
      const term = terms.begin(request.timeout_milliseconds)
      const release = await slots.acquire(judged.target.hostname, term.signal)
      if (release === null) {
        term.end()
        return { outcome: 'refused', reason: 'busy' }
      }
      try {
        return await exchange(judged.target, request, term.signal)
      } catch (error) {
        const reason = term.endedBy() ?? outboundFailureOf(error)
        if (reason === null) throw error
        return { outcome: 'failed', reason }
      } finally {
        release()
        term.end()
      }
    },
    close: () => terms.stop(),
  }
}

/** The time that each request has, and the end of them all when the server stops. */
const createTerms = () => {
  const running = new Set<AbortController>()
  let isStopped = false
  return {
    begin: (milliseconds: number) => {
      const controller = new AbortController()
      const timer = setTimeout(() => controller.abort(), milliseconds)
      running.add(controller)
      if (isStopped) controller.abort()
      return {
        signal: controller.signal,
        endedBy: (): OutboundFailure | null =>
          controller.signal.aborted ? (isStopped ? 'stopped' : 'timed_out') : null,
        end: () => {
          clearTimeout(timer)
          running.delete(controller)
        },
      }
    },
    stop: () => {
      isStopped = true
      for (const controller of running) controller.abort()
    },
  }
}

type Asking = Readonly<{ target: OutboundTarget; request: OutboundRequest; signal: AbortSignal }>

const ask = (
  socket: Socket,
  { target, request: { method, headers, body, accept_bytes }, signal }: Asking,
): Promise<OutboundOutcome> =>
  new Promise((resolve, reject) => {
    const request = sendRequest(
      {
        // Without an agent: Node's own one would keep connections, and Node 24 gives it the proxy of the environment.
        createConnection: () => socket,
        method,
        path: target.path,
        setHost: false,
        headers: {
          ...headers,
          host: target.host,
          'user-agent': 'Signet',
          'accept-encoding': 'identity',
          connection: 'close',
          ...(body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        },
        maxHeaderSize: HEADERS_MAX_BYTES,
        insecureHTTPParser: false,
        signal,
      },
      answer => {
        readAnswer(answer, accept_bytes).then(resolve, reject)
      },
    )
    request.on('error', reject)
    // The parser reports no error when an answer switches to another protocol.
    request.on('upgrade', () => resolve({ outcome: 'failed', reason: 'answer_malformed' }))
    signal.addEventListener('abort', reject, { once: true })
    request.end(body ?? undefined)
  })

const readAnswer = async (answer: IncomingMessage, accept_bytes: number): Promise<OutboundOutcome> => {
  const answered = {
    outcome: 'answered',
    status: answer.statusCode ?? 0,
    headers: headersOf(answer),
  } as const
  // A body that is not read breaks off with its connection.
  answer.on('error', () => {})
  if (accept_bytes === 0) return { ...answered, body: new Uint8Array() }
  const encoding = answer.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') return { outcome: 'failed', reason: 'body_encoded' }
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    if (length > accept_bytes) return { outcome: 'failed', reason: 'body_too_large' }
    chunks.push(chunk)
  }
  return { ...answered, body: Buffer.concat(chunks) }
}

const headersOf = ({ headers }: IncomingMessage): ReadonlyMap<string, string> =>
  new Map(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))
