import type { OutboundFailure, OutboundRefusal } from '../domain/outbound/outbound-verdicts.ts'

export type OutboundRequest = Readonly<{
  url: string
  method: 'GET' | 'POST'
  /** Those that the guard sets itself (Host, User-Agent, Accept-Encoding, Connection, Content-Length) cannot be replaced. */
  headers: Readonly<Record<string, string>>
  body: string | null
  /** Bytes of the answer's body, at most. 0: the body is not read, and may be of any size. */
  accept_bytes: number
  /** Of everything together: the wait for a slot, the name, the connection, the whole answer. */
  timeout_milliseconds: number
}>

export type OutboundAnswer = Readonly<{
  outcome: 'answered'
  /** Any status. A redirect is an answer like others and is not followed. */
  status: number
  /** By lower-case name; one that came several times is joined by a comma. */
  headers: ReadonlyMap<string, string>
  body: Uint8Array
}>

export type OutboundOutcome =
  | OutboundAnswer
  | Readonly<{ outcome: 'refused'; reason: OutboundRefusal }>
  | Readonly<{ outcome: 'failed'; reason: OutboundFailure }>

/** Requests to servers of others. Every HTTP request that this server sends goes through this port. */
export type Outbound = {
  /** Not repeated. Resolves with one of the outcomes, whatever the other server does. */
  send(request: OutboundRequest): Promise<OutboundOutcome>
}
