import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Log, Random } from '../../ports/effects.ts'
import { describe } from './refusal.ts'

type Needs = Readonly<{ random: Pick<Random, 'uuid'>; log: Log }>

/** The errors of Node's parser that are answered with another status than 400. */
const STATUSES: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/**
 * RFC 9112 §2.2, RFC 9110 §15.5 – Answers bytes that cannot be read as a request, and so never reach a route: without a body, but with an
 * id and a line in the log.
 */
export const createUnreadable = ({ random, log }: Needs) => {
  const note = (status: number, reason: string) => {
    const request_id = random.uuid()
    log[status === 500 ? 'error' : 'info']({ request_id, status, reason }, 'unreadable request')
    return request_id
  }
  return {
    /** Answers a Host or a target of which no URL can be made. Any other error is a fault of the server. */
    answer: (fault: unknown): Response => {
      const isTheirs = fault instanceof Error && fault.name === 'RequestError'
      const status = isTheirs ? 400 : 500
      const request_id = note(status, isTheirs ? fault.message : describe(fault))
      return new Response(null, { status, headers: { 'X-Request-Id': request_id } })
    },
    /** Refuses bytes that the parser rejects, or a request that took too long. Nothing more can be read from the connection. */
    refuse: (fault: Error & { code?: string }, socket: Duplex): void => {
      const code = fault.code ?? fault.message
      if (!socket.writable || code === 'ECONNRESET') {
        socket.destroy()
        return
      }
      const status = STATUSES[code] ?? 400
      const request_id = note(status, code)
      // Only ended, the socket would stay open for as long as the client likes.
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nX-Request-Id: ${request_id}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        () => socket.destroy(),
      )
    },
  }
}

export type Unreadable = ReturnType<typeof createUnreadable>
