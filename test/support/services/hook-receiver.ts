import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export type HeardHook = Readonly<{ method: string | undefined; headers: IncomingHttpHeaders; body: string }>

/** A server of the operator on loopback, which keeps what it hears. */
export const openHookReceiver = async (first: RequestListener = replying('{}')) => {
  const heard: HeardHook[] = []
  let answer = first
  const server = createServer((request, response) => {
    const hear = async () => {
      heard.push({ method: request.method, headers: request.headers, body: await text(request) })
      answer(request, response)
    }
    void hear()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    heard,
    url: `http://127.0.0.1:${port}/hooks/password?tenant=1`,
    /** The bodies of the questions since the last call. */
    questions: () => heard.splice(0).map(({ body }) => JSON.parse(body) as Readonly<Record<string, unknown>>),
    answerWith: (next: RequestListener) => {
      answer = next
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export type HookReceiver = Awaited<ReturnType<typeof openHookReceiver>>

export const replying =
  (body: string, status = 200, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(body)
