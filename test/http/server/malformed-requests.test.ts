import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '../../../src/http/server/app.ts'
import { type Listener, openListener } from '../../../src/http/server/listener.ts'
import { createUnreadable } from '../../../src/http/server/malformed-requests.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import { createLog } from '../../support/effects.ts'
import { freePort } from '../../support/services/services.ts'

describe('a request that cannot be parsed', () => {
  const { log, lines } = createLog()
  let listener: Listener
  let port: number
  beforeAll(async () => {
    port = await freePort()
    const app = new Hono().get('/', context => context.text('read'))
    listener = await openListener(
      app,
      { host: '127.0.0.1', port },
      createUnreadable({ random: systemRandom, log }),
    )
  })
  afterAll(() => listener.close({ idle_seconds: 0, finish_seconds: 1 }))

  const say = async (...lines: readonly string[]) => {
    const socket = connect(port, '127.0.0.1')
    socket.end(`${lines.join('\r\n')}\r\n\r\n`)
    const answer = await text(socket)
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
    return { status: Number(status), request_id: /^x-request-id: (\S+)\r$/im.exec(answer)?.[1], answer }
  }

  it.each([
    ['no Host', 400, ['GET / HTTP/1.1']],
    ['two Hosts', 400, ['GET / HTTP/1.1', 'Host: localhost', 'Host: localhost']],
    ['no Host beside an absolute target', 400, ['GET http://localhost/ HTTP/1.1']],
    [
      'two Hosts beside an absolute target',
      400,
      ['GET http://localhost/ HTTP/1.1', 'Host: localhost', 'Host: localhost'],
    ],
    ['a malformed Host beside an absolute target', 400, ['GET http://localhost/ HTTP/1.1', 'Host: a b']],
    ['a malformed Host', 400, ['GET / HTTP/1.1', 'Host: a b']],
    ['a Host with a path', 400, ['GET / HTTP/1.1', 'Host: a/b']],
    ['a backslash in the path', 400, ['GET /\\evil HTTP/1.1', 'Host: localhost']],
    ['a path with a dot segment', 400, ['GET /x/../ HTTP/1.1', 'Host: localhost']],
    ['a path that ends in one', 400, ['GET /x/.. HTTP/1.1', 'Host: localhost']],
    ['a path with an escaped one', 400, ['GET /%2e%2E/ HTTP/1.1', 'Host: localhost']],
    ['a path with a letter that is escaped', 400, ['GET /%61uth HTTP/1.1', 'Host: localhost']],
    ['a path with a fragment', 400, ['GET /#x HTTP/1.1', 'Host: localhost']],
    ['a malformed target', 400, ['GET example HTTP/1.1', 'Host: localhost']],
    ['another protocol', 400, ['\u0016\u0003\u0001']],
    ['an unknown version', 400, ['GET / HTTP/9.9', 'Host: localhost']],
    ['a line that is no header', 400, ['GET / HTTP/1.1', 'Host: localhost', 'no header']],
    ['headers without an end', 431, ['GET / HTTP/1.1', 'Host: localhost', `A: ${'x'.repeat(20_000)}`]],
  ])('with %s is answered with %d and the request id of its line in the log', async (_, status, request) => {
    lines.length = 0
    const answer = await say(...request)
    expect(answer.status).toBe(status)
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'unreadable request',
        request_id: answer.request_id,
        status,
        reason: expect.any(String),
      },
    ])
    expect(answer.answer).not.toContain('Error')
  })

  it.each(['/?a=%61/../#', '/.well-known/x', '/a..b/..c', '/a%20b', '/a%2Fb'])(
    'RFC 9112 §3.2 – may have %s as its target',
    async target => {
      const { status } = await say(`GET ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close')
      expect(status).toBe(target.startsWith('/?') ? 200 : 404)
    },
  )

  it('RFC 9110 §10.1.1 – is answered in spite of an unknown Expect', async () => {
    const { answer } = await say('GET / HTTP/1.1', 'Host: localhost', 'Expect: wonders', 'Connection: close')
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*read$/)
  })

  it('RFC 9112 §3.2 – may have an absolute target, which is routed by its path', async () => {
    const { answer } = await say('GET http://localhost/ HTTP/1.1', 'Host: localhost', 'Connection: close')
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*read$/)
  })

  it('is dropped on a connection without an address, so that no X-Forwarded-For is believed', async () => {
    const seen: (string | undefined)[] = []
    const port = await freePort()
    const fetch: App['fetch'] = (_, env) => {
      if (env && 'incoming' in env) seen.push(env.incoming.socket.remoteAddress)
      return new Response('read')
    }
    const listener = await openListener(
      { fetch },
      { host: '127.0.0.1', port },
      createUnreadable({ random: systemRandom, log }),
    )
    // The server accepts nothing while this runs: the client has connected, sent and left before.
    execFileSync(process.execPath, [
      '-e',
      `const s = require('net').connect(${port}, '127.0.0.1', () => s.write('GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n', () => s.resetAndDestroy()))`,
    ])
    expect(await (await globalThis.fetch(`http://127.0.0.1:${port}/`)).text()).toBe('read')
    expect(seen).toEqual(['127.0.0.1'])
    await listener.close({ idle_seconds: 0, finish_seconds: 1 })
  })

  it('has its connection closed by the server when the client does not close it', async () => {
    const { refuse } = createUnreadable({ random: systemRandom, log })
    const port = await freePort()
    const server = createServer({ allowHalfOpen: true }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume()
    const [socket] = await once(server, 'connection')
    refuse(new Error('unreadable'), socket)
    await once(socket, 'close')
    client.destroy()
    server.close()
  })

  it('does not stop the server when the client leaves within a line', async () => {
    const socket = connect(port, '127.0.0.1')
    await new Promise(resolve => socket.write('GET / HTTP/1.1\r\nHost', resolve))
    socket.resetAndDestroy()
    expect((await say('GET / HTTP/1.1', 'Host: localhost', 'Connection: close')).status).toBe(200)
  })
})
