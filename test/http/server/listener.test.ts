import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Listener, openListener } from '../../../src/http/server/listener.ts'
import { createUnreadable } from '../../../src/http/server/malformed-requests.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import { SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createLog } from '../../support/effects.ts'
import { freePort } from '../../support/services/services.ts'

const CC = 'grant_type=client_credentials'
const HEAD = ['POST /token HTTP/1.1', 'Host: localhost', 'Content-Type: application/x-www-form-urlencoded']
const AUTHORIZATION = `Authorization: ${SERVICE.authorization}`
const LENGTH = `Content-Length: ${CC.length}`

describe('RFC 9112 – the listener', () => {
  let deployment: Deployment
  let signet: Instance
  let issuer: string
  let listener: Listener
  beforeAll(async () => {
    deployment = await openDeployment()
    const port = await freePort()
    issuer = `http://localhost:${port}`
    signet = await deployment.start({ environment: { ISSUER: issuer } })
    const unreadable = createUnreadable({ random: systemRandom, log: createLog().log })
    listener = await openListener(signet.app, { host: '127.0.0.1', port }, unreadable)
  })
  afterAll(async () => {
    expect(signet.lines.filter(line => line['level'] === 'error')).toEqual([])
    await listener.close({ idle_seconds: 0, finish_seconds: 1 })
    await deployment.close()
  })

  const open = () => connect(Number(new URL(issuer).port), '127.0.0.1')
  /** Sends the bytes, and reads until the server ends the connection or pauses. */
  const say = async (lines: readonly string[], body = '') => {
    const socket = open()
    socket.write(`${[...lines, 'Connection: close', '', ''].join('\r\n')}${body}`)
    return text(socket)
  }
  const statusesOf = (answer: string) =>
    [...answer.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status))
  const expectAlive = async () =>
    expect(statusesOf(await say([...HEAD, AUTHORIZATION, LENGTH], CC))).toEqual([200])

  it('answers an ordinary request', expectAlive)

  it('RFC 9110 §15.5.14 – answers 413 before a body that is announced too large has come, and ends the connection', async () => {
    const socket = open()
    socket.write([...HEAD, AUTHORIZATION, 'Content-Length: 1000000000', '', ''].join('\r\n'))
    expect(statusesOf(await text(socket))).toEqual([413])
    await expectAlive()
  })

  it('stops reading an endless chunked body', async () => {
    const socket = open().on('error', () => {})
    socket.write([...HEAD, AUTHORIZATION, 'Transfer-Encoding: chunked', '', ''].join('\r\n'))
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    for (let turn = 0; turn < 5; turn++) socket.write(chunk)
    const [answer] = await once(socket, 'data')
    expect(statusesOf(String(answer))).toEqual([413])
    socket.destroy()
    await expectAlive()
  })

  it('accepts a chunked body within the limit', async () => {
    const body = `${CC.length.toString(16)}\r\n${CC}\r\n0\r\n\r\n`
    expect(statusesOf(await say([...HEAD, AUTHORIZATION, 'Transfer-Encoding: chunked'], body))).toEqual([200])
  })

  it.each([
    ['a length and chunks', [LENGTH, 'Transfer-Encoding: chunked']],
    ['two lengths', [LENGTH, 'Content-Length: 3']],
    ['a malformed length', ['Content-Length: 3x']],
    ['a negative length', ['Content-Length: -1']],
    ['an unknown transfer coding', ['Transfer-Encoding: chunky']],
  ])('§6.3 – refuses %s, so that no request is smuggled behind it', async (_, headers) => {
    const hidden = `${CC}\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n`
    expect(statusesOf(await say([...HEAD, AUTHORIZATION, ...headers], hidden))).toEqual([400])
    await expectAlive()
  })

  it('RFC 9110 §5.3 – refuses two Authorization headers', async () => {
    const wrong = 'Authorization: Basic c2VydmljZTp3cm9uZw=='
    for (const pair of [
      [AUTHORIZATION, wrong],
      [wrong, AUTHORIZATION],
    ]) {
      const [status] = statusesOf(await say([...HEAD, ...pair, LENGTH], CC))
      expect([400, 401]).toContain(status)
    }
  })

  it('logs no error for a client that leaves within its request', async () => {
    const before = signet.lines.length
    for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
      const socket = open().on('error', () => {})
      socket.write(`${[...HEAD, AUTHORIZATION, framing, '', ''].join('\r\n')}5\r\ngrant`, () =>
        socket.resetAndDestroy(),
      )
      await once(socket, 'close')
    }
    await expectAlive()
    await vi.waitFor(() => expect(signet.lines.length).toBeGreaterThanOrEqual(before + 3), {
      timeout: 10_000,
    })
    expect(signet.lines.filter(line => line['level'] === 'error')).toEqual([])
  })

  it('answers pipelined requests each on its own', async () => {
    const one = [...HEAD, AUTHORIZATION, LENGTH, '', ''].join('\r\n') + CC
    const socket = open()
    socket.write(one + one)
    socket.write(['GET /livez HTTP/1.1', 'Host: localhost', 'Connection: close', '', ''].join('\r\n'))
    const answer = await text(socket)
    expect(statusesOf(answer)).toEqual([200, 200, 200])
    const ids = [...answer.matchAll(/x-request-id: (\S+)/gi)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(3)
  })

  it('keeps its connections when it stops listening, and closes the idle ones at the close', async () => {
    const port = await freePort()
    const unreadable = createUnreadable({ random: systemRandom, log: createLog().log })
    const own = await openListener(signet.app, { host: '127.0.0.1', port }, unreadable)
    const kept = connect(port, '127.0.0.1')
    const ask = async () => {
      kept.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
      return statusesOf(String((await once(kept, 'data'))[0]))
    }
    expect(await ask()).toEqual([200])
    await own.stopListening()
    expect((await once(connect(port, '127.0.0.1'), 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' })
    expect(await ask()).toEqual([200])
    await Promise.all([once(kept, 'close'), own.close({ idle_seconds: 0, finish_seconds: 10 })])
  })

  /** Sends the bytes alone, in HTTP/1.0, which keeps no connection alive. */
  const sayOld = async (head: string) => {
    const socket = open()
    socket.write(`${head}\r\n\r\n`)
    return statusesOf(await text(socket))
  }

  it('§3.2 – answers the probes in HTTP/1.0 without Host, as HAProxy asks them, and nothing else', async () => {
    for (const asked of ['GET /livez', 'GET /readyz', 'HEAD /readyz', 'OPTIONS /'])
      expect([asked, await sayOld(`${asked} HTTP/1.0`)]).toEqual([asked, [200]])
    for (const asked of [
      'GET /livez HTTP/1.1\r\nConnection: close',
      'OPTIONS / HTTP/1.1\r\nConnection: close',
      'GET /livez/ HTTP/1.0',
      'GET /.well-known/jwks.json HTTP/1.0',
      'GET / HTTP/1.0',
      'OPTIONS /token HTTP/1.0',
    ])
      expect([asked, await sayOld(asked)]).toEqual([asked, [400]])
    expect(await sayOld('GET /livez HTTP/1.0\r\nHost: a,b')).toEqual([400])
  })

  it('refuses bytes that are not HTTP', async () => {
    expect(statusesOf(await say(['nonsense']))).toEqual([400])
    expect(
      statusesOf(await say(['GET /livez HTTP/1.1', 'Host: localhost', `X: ${'x'.repeat(100_000)}`])),
    ).toEqual([431])
    await expectAlive()
  })
})
