import { connect } from 'node:net'

export type Answer = Readonly<{ status: number; head: string; body: string }>
export type Request = Readonly<{
  method?: 'GET' | 'POST'
  path: string
  headers?: Readonly<Record<string, string>>
  body?: string
}>
export type Connection = Readonly<{ send(request: Request): Promise<Answer>; close(): void }>

/** One persistent HTTP connection, one request at a time. No library: the client must cost much less than the server. */
export const openConnection = (port: number): Connection => {
  const socket = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
  let received = ''
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null
  socket.on('data', (chunk: string) => {
    received += chunk
    const answer = parseAnswer(received)
    if (answer === null) return
    received = ''
    waiting?.resolve(answer)
  })
  for (const event of ['error', 'close'])
    socket.on(event, () => waiting?.reject(new Error('the server hung up')))
  return {
    send: request =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(format(request))
      }),
    close: () => socket.destroy(),
  }
}

const format = ({ method = 'POST', path, headers = {}, body = '' }: Request): string => {
  const lines = Object.entries({ Host: 'localhost', ...headers, 'Content-Length': Buffer.byteLength(body) })
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

/** Null while the answer is incomplete. Every answer here has a Content-Length, or no body. */
const parseAnswer = (text: string): Answer | null => {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = text.slice(0, end + 2)
  const [, length = '0'] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? []
  const body = text.slice(end + 4)
  return body.length < Number(length) ? null : { status: Number(text.slice(9, 12)), head, body }
}

/** The address that an answer redirects to. */
export const locationOf = ({ status, head, body }: Answer): string => {
  const [, location] = /\r\nlocation: *([^\r]+)/i.exec(head) ?? []
  if (location === undefined) throw new Error(`no redirect: ${status} ${body}`)
  return location
}
