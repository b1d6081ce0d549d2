import { createServer, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from 'vitest'
import { freePort } from './services.ts'

export type Received = Readonly<{
  client_id: string
  method: string
  content_type: string
  logout_token: string
}>

type Answer = (response: ServerResponse) => void

/** The servers of clients, one path each, that take logout tokens and keep them. */
export const openReceiver = async () => {
  const port = await freePort()
  const received: Received[] = []
  const answers = new Map<string, Answer[]>()
  const held: ServerResponse[] = []
  const server = createServer((request, response) => {
    const keep = async () => {
      const client_id = request.url?.slice(1) ?? ''
      const body = new URLSearchParams(await text(request))
      received.push({
        client_id,
        method: request.method ?? '',
        content_type: request.headers['content-type'] ?? '',
        logout_token: body.get('logout_token') ?? '',
      })
      const answer = answers.get(client_id)?.shift() ?? withStatus(200)
      answer(response)
    }
    void keep()
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const at = (client_id: string) => received.filter(each => each.client_id === client_id)
  return {
    port,
    url: (client_id: string) => `http://127.0.0.1:${port}/${client_id}`,
    received,
    at,
    /** Waits until a client has had so many. */
    waitFor: async (client_id: string, count: number) => {
      await expect.poll(() => at(client_id).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count)
      return at(client_id)
    },
    /** What the next requests of a client are answered with, one after the other; afterwards 200. A status, or no answer before `release`. */
    answerNext: (client_id: string, ...next: readonly (number | 'hang')[]) =>
      answers.set(
        client_id,
        next.map(each => (each === 'hang' ? response => held.push(response) : withStatus(each))),
      ),
    /** Answers the requests that hang with 200. */
    release: () => {
      for (const response of held.splice(0)) response.writeHead(200).end()
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export type Receiver = Awaited<ReturnType<typeof openReceiver>>

const withStatus =
  (status: number): Answer =>
  response =>
    response.writeHead(status).end()
