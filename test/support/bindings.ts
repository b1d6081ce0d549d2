import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { App } from '../../src/http/server/app.ts'

/** The request and response objects of node:http, for a server without a socket. */
export const bindingsOf = (request: Request, from = '127.0.0.1') => {
  const body = request.body === null ? Readable.from([]) : Readable.fromWeb(request.body)
  // Node's own IncomingMessage emits no error without a listener when its client goes away.
  body.on('error', () => {})
  const heard = { headers: Object.fromEntries(request.headers), socket: { remoteAddress: from } }
  return {
    incoming: Object.assign(body, heard) as unknown as IncomingMessage,
    outgoing: Object.assign(new EventEmitter(), { closed: false }) as unknown as ServerResponse,
  }
}

/** Sends a request to a server without a socket, past openapi.yaml. */
export const askApp = async (
  app: Pick<App, 'fetch'>,
  path: string,
  init?: RequestInit,
): Promise<Response> => {
  const request = new Request(new URL(path, 'http://localhost'), init)
  return app.fetch(request, bindingsOf(request))
}
