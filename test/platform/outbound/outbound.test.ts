import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseAddressRanges } from '../../../src/domain/base/ip-address.ts'
import { createOutbound } from '../../../src/platform/outbound/outbound.ts'
import type { OutboundOutcome, OutboundRequest } from '../../../src/ports/outbound.ts'
import { findOnPath } from '../../support/services/services.ts'

const rangesOf = (...texts: readonly string[]) => {
  const parsed = parseAddressRanges(texts)
  if ('wrong' in parsed) throw new Error(parsed.wrong)
  return parsed.ranges
}
const LOOPBACK = rangesOf('127.0.0.0/8', '::1')

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

const portOf = (server: TcpServer) => (server.address() as AddressInfo).port

/** Each listens on loopback and counts its connections. */
const listen = async (server: TcpServer | Server, host = '127.0.0.1') => {
  const sockets = new Set<Socket>()
  const seen = { connections: 0 }
  server.on('connection', (socket: Socket) => {
    seen.connections += 1
    sockets.add(socket)
  })
  await new Promise<void>(resolve => {
    server.listen(0, host, resolve)
  })
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise(resolve => {
      server.close(resolve)
    })
  })
  return { port: portOf(server), seen }
}
const serve = (answer: RequestListener, host?: string) => listen(createServer(answer), host)
/** Answers every request with these bytes. */
const serveBytes = (bytes: string) =>
  listen(createTcpServer(socket => socket.on('error', () => {}).once('data', () => socket.end(bytes))))
const hang = () => listen(createTcpServer(socket => socket.on('error', () => {})))

type Guard = Parameters<typeof createOutbound>[0]

const guard = (settings: Partial<Guard> = {}) => {
  const outbound = createOutbound({ allow: LOOPBACK, ...settings })
  closers.push(() => outbound.close())
  return {
    ...outbound,
    get: (url: string, more: Partial<OutboundRequest> = {}): Promise<OutboundOutcome> =>
      outbound.send({
        url,
        method: 'GET',
        headers: {},
        body: null,
        accept_bytes: 1_000,
        timeout_milliseconds: 10_000,
        ...more,
      }),
  }
}
const refused = (reason: string) => ({ outcome: 'refused', reason })
const failed = (reason: string) => ({ outcome: 'failed', reason })
const textOf = (outcome: OutboundOutcome) =>
  outcome.outcome === 'answered' ? Buffer.from(outcome.body).toString() : outcome.reason

describe('an outbound request', () => {
  it('has the headers of the guard, whatever its caller names, and its body', async () => {
    const { port } = await serve((request, response) => {
      request.setEncoding('utf8').on('data', body => response.end(JSON.stringify([request.headers, body])))
    })
    const outcome = await guard().get(`http://127.0.0.1:${port}/logout?tenant=1`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', 'user-agent': 'other', host: 'other.example' },
      body: 'grüße',
    })
    expect(JSON.parse(textOf(outcome))).toEqual([
      {
        'content-type': 'text/plain',
        'content-length': '7',
        host: `127.0.0.1:${port}`,
        'user-agent': 'Signet',
        'accept-encoding': 'identity',
        connection: 'close',
      },
      'grüße',
    ])
  })

  it('is answered with any status: a redirect is not followed', async () => {
    const target = await serve((_, response) => response.end())
    const { port } = await serve((_, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${target.port}/` }).end(),
    )
    const outcome = await guard().get(`http://127.0.0.1:${port}/`)
    expect(outcome).toMatchObject({ outcome: 'answered', status: 302 })
    expect(target.seen.connections).toBe(0)
  })

  it('uses no proxy of the environment', async () => {
    const proxy = await serve((_, response) => response.end('of the proxy'))
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy'])
      vi.stubEnv(name, `http://127.0.0.1:${proxy.port}`)
    vi.stubEnv('NODE_USE_ENV_PROXY', '1')
    const { port } = await serve((_, response) => response.end('of the server'))
    const outcome = await guard().get(`http://127.0.0.1:${port}/`)
    vi.unstubAllEnvs()
    expect(textOf(outcome)).toBe('of the server')
    expect(proxy.seen.connections).toBe(0)
  })
})

describe('the address of an outbound request', () => {
  it('is refused where it is internal and not allowed, before a connection is made', async () => {
    const { port, seen } = await serve((_, response) => response.end())
    const closed = guard({ allow: [] })
    expect(await closed.get(`http://127.0.0.1:${port}/`)).toEqual(refused('scheme_refused'))
    expect(await closed.get(`https://127.0.0.1:${port}/`)).toEqual(refused('address_refused'))
    expect(await closed.get(`https://[::ffff:127.0.0.1]:${port}/`)).toEqual(refused('address_refused'))
    const elsewhere = guard({ allow: rangesOf('10.0.0.0/8') })
    expect(await elsewhere.get(`http://127.0.0.1:${port}/`)).toEqual(refused('address_refused'))
    expect(seen.connections).toBe(0)
  })

  it.each([
    ['127.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['::ffff:7f00:1'],
    ['0.0.0.0'],
    ['169.254.169.254'],
    ['64:ff9b::7f00:1'],
    ['2002:7f00:1::1'],
    // A resolver that names a public host first, and an internal one beside it.
    ['8.8.8.8', '127.0.0.1'],
    ['2606:4700::1111', '10.0.0.1'],
    ['no address'],
  ])('is judged where a name leads to %s', async (...addresses) => {
    const closed = guard({ allow: [], resolve: async () => addresses })
    expect(await closed.get('https://app.example/')).toEqual(refused('address_refused'))
  })

  it('is resolved once: a name server that changes its answer leads nowhere else', async () => {
    const { port, seen } = await serve((_, response) => response.end('hello'))
    const internal = await serve((_, response) => response.end('secret'), '127.0.0.2')
    const answers = ['127.0.0.1', '127.0.0.2']
    const resolve = vi.fn(async () => answers.splice(0, 1))
    const outbound = guard({ allow: rangesOf('127.0.0.1'), resolve })
    expect(textOf(await outbound.get(`http://app.example:${port}/`))).toBe('hello')
    expect(resolve).toHaveBeenCalledTimes(1)
    expect(await outbound.get(`http://app.example:${internal.port}/`)).toEqual(refused('address_refused'))
    expect([seen.connections, internal.seen.connections]).toEqual([1, 0])
  })

  it('is judged again on the connected socket, before a byte is sent', async () => {
    const received: unknown[] = []
    const { port, seen } = await listen(
      createTcpServer(socket => socket.on('error', () => {}).on('data', bytes => received.push(bytes))),
    )
    // The system connects to this address as to 127.0.0.1.
    const outbound = guard({ allow: rangesOf('0.0.0.0') })
    expect(await outbound.get(`http://0.0.0.0:${port}/`)).toEqual(refused('address_refused'))
    expect(await outbound.get(`https://0.0.0.0:${port}/`)).toEqual(refused('address_refused'))
    expect(seen.connections).toBe(2)
    expect(received).toEqual([])
  })

  it('is taken from the system where internal ones are allowed and the name servers know none', async () => {
    const { port } = await serve((_, response) => response.end('hello'))
    expect(textOf(await guard().get(`http://localhost:${port}/`))).toBe('hello')
    expect(await guard({ allow: [], resolve: async () => [] }).get(`https://localhost:${port}/`)).toEqual(
      failed('name_unresolved'),
    )
  })
})

describe('the answer to an outbound request', () => {
  it('has as many bytes as were accepted, and not one more', async () => {
    const { port } = await serve((_, response) => response.end('x'.repeat(100)))
    const url = `http://127.0.0.1:${port}/`
    expect(textOf(await guard().get(url, { accept_bytes: 100 }))).toBe('x'.repeat(100))
    expect(await guard().get(url, { accept_bytes: 99 })).toEqual(failed('body_too_large'))
    expect(textOf(await guard().get(url, { accept_bytes: 0 }))).toBe('')
  })

  it('may not be endless', async () => {
    const { port } = await serve((_, response) => {
      const pour = () => {
        while (response.write('x'.repeat(10_000)));
      }
      response.on('drain', pour)
      pour()
    })
    expect(await guard().get(`http://127.0.0.1:${port}/`)).toEqual(failed('body_too_large'))
    expect(await guard().get(`http://127.0.0.1:${port}/`, { accept_bytes: 0 })).toMatchObject({ status: 200 })
  })

  it('is not decompressed', async () => {
    const { port } = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1_000_000))),
    )
    expect(await guard().get(`http://127.0.0.1:${port}/`)).toEqual(failed('body_encoded'))
  })

  it.each([
    ['headers_too_large', `HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['answer_malformed', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['answer_malformed', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['broken_off', ''],
    ['broken_off', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'],
    ['answer_malformed', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ])('that is %s is a failure of its server alone', async (reason, bytes) => {
    const { port } = await serveBytes(bytes)
    expect(await guard().get(`http://127.0.0.1:${port}/`)).toEqual(failed(reason))
  })

  it('comes in time', async () => {
    const silent = await hang()
    const slow = await serve((_, response) => {
      response.writeHead(200).write('x')
    })
    const short = { timeout_milliseconds: 50 }
    expect(await guard().get(`http://127.0.0.1:${silent.port}/`, short)).toEqual(failed('timed_out'))
    expect(await guard().get(`https://127.0.0.1:${silent.port}/`, short)).toEqual(failed('timed_out'))
    expect(await guard().get(`http://127.0.0.1:${slow.port}/`, short)).toEqual(failed('timed_out'))
    const resolve = (_: string, signal: AbortSignal) =>
      new Promise<readonly string[]>(answer => {
        signal.addEventListener('abort', () => answer([]))
      })
    expect(await guard({ resolve }).get('https://app.example/', short)).toEqual(failed('timed_out'))
  })

  it('is missing where nothing listens', async () => {
    const { port } = await serve((_, response) => response.end())
    await closers.pop()?.()
    expect(await guard().get(`http://127.0.0.1:${port}/`)).toEqual(failed('unreachable'))
  })
})

describe('outbound requests at once', () => {
  it('wait for a host that has enough of them, while those to other hosts go on', async () => {
    const silent = await hang()
    const lively = await serve((_, response) => response.end('hello'), '127.0.0.2')
    const outbound = guard()
    const url = `http://127.0.0.1:${silent.port}/`
    const held = Array.from({ length: 4 }, () => outbound.get(url))
    expect(await outbound.get(url, { timeout_milliseconds: 50 })).toEqual(refused('busy'))
    expect(textOf(await outbound.get(`http://127.0.0.2:${lively.port}/`))).toBe('hello')
    outbound.close()
    expect(await Promise.all(held)).toEqual(Array.from({ length: 4 }, () => failed('stopped')))
    expect(silent.seen.connections).toBe(4)
  })

  it('get the slot of one that has ended', async () => {
    const { port } = await serve((_, response) => response.end('hello'))
    const outbound = guard()
    const texts = await Promise.all(
      Array.from({ length: 20 }, async () => textOf(await outbound.get(`http://127.0.0.1:${port}/`))),
    )
    expect(texts).toEqual(Array.from({ length: 20 }, () => 'hello'))
  })

  it('are broken off when the server stops', async () => {
    const { port } = await hang()
    const outbound = guard()
    const waiting = outbound.get(`http://127.0.0.1:${port}/`)
    outbound.close()
    expect(await waiting).toEqual(failed('stopped'))
    expect(await outbound.get(`http://127.0.0.1:${port}/`)).toEqual(refused('busy'))
  })
})

describe('RFC 9525 – the certificate of the other server', () => {
  let directory: string
  let key: string
  let certificate: string
  beforeAll(() => {
    const openssl = findOnPath('openssl')
    if (openssl === null) throw new Error('no openssl')
    directory = mkdtempSync(join(tmpdir(), 'signet-outbound-'))
    const [keyFile, file] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
    const words = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ]
    const names = ['-subj', '/CN=app.example', '-addext', 'subjectAltName=DNS:app.example']
    execFileSync(openssl, [...words, ...names, '-keyout', keyFile, '-out', file], { stdio: 'ignore' })
    key = readFileSync(keyFile, 'utf8')
    certificate = readFileSync(file, 'utf8')
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const serveTls = () =>
    listen(createTlsServer({ key, cert: certificate }, (_, response) => response.end('hello')))

  it('has the name that was called, and an authority that this process trusts', async () => {
    const { port } = await serveTls()
    const outbound = guard({ authorities: certificate, resolve: async () => ['127.0.0.1'] })
    expect(textOf(await outbound.get(`https://app.example:${port}/`))).toBe('hello')
    expect(await outbound.get(`https://other.example:${port}/`)).toEqual(failed('tls_failed'))
    expect(await outbound.get(`https://127.0.0.1:${port}/`)).toEqual(failed('tls_failed'))
  })

  it('is verified, whatever the environment says', async () => {
    const { port } = await serveTls()
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const outcome = await guard({ resolve: async () => ['127.0.0.1'] }).get(`https://app.example:${port}/`)
    vi.unstubAllEnvs()
    expect(outcome).toEqual(failed('tls_failed'))
  })

  it('is asked for: a server without TLS is not spoken to', async () => {
    const { port } = await serve((_, response) => response.end('hello'))
    expect(await guard().get(`https://127.0.0.1:${port}/`)).toEqual(failed('tls_failed'))
  })
})
