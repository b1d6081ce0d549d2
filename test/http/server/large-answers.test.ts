import { createServer, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { Problem } from '../../../src/domain/refusals/problem.ts'
import { createLargeAnswers } from '../../../src/http/server/large-answers.ts'
import { closeServer, listenOnLoopback } from '../../support/issuer.ts'

/** More than the socket buffers of the system hold. */
const LARGE = 32_000_000
const bytes = Buffer.alloc(LARGE, 'x')

describe('large answers', () => {
  const closers: (() => unknown)[] = []
  afterEach(async () => {
    for (const closer of closers.splice(0)) await closer()
  })

  /** A server with large bodies by name, and clients that read them or do not. */
  const start = async (seconds: number) => {
    const holdLarge = createLargeAnswers({ seconds })
    const bodies = new Map<string, Uint8Array>()
    const hold = (outgoing: ServerResponse, ip: string, body: Uint8Array) => {
      try {
        holdLarge({ outgoing, ip, body })
        return 'held'
      } catch (error) {
        if (error instanceof Problem || error instanceof Unavailable) return error.name
        throw error
      }
    }
    const outcomes: string[] = []
    let ended = 0
    const server = createServer((request, response) => {
      const name = request.url ?? ''
      const body = bodies.get(name) ?? bytes.subarray()
      bodies.set(name, body)
      const outcome = hold(response, request.headers['x-from']?.toString() ?? '', body)
      outcomes.push(outcome)
      if (outcome === 'held') response.once('close', () => (ended += 1))
      response.end(outcome === 'held' ? body : '')
    })
    const port = await listenOnLoopback(server)
    closers.push(() => closeServer(server))
    const ask = (from: string, name = 'same'): Socket => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.pause()
      socket.write(`GET /${name} HTTP/1.1\r\nHost: x\r\nX-From: ${from}\r\nConnection: close\r\n\r\n`)
      closers.push(() => socket.destroy())
      return socket
    }
    const answered = (count: number) => expect.poll(() => outcomes.length, { timeout: 10_000 }).toBe(count)
    return { ask, answered, outcomes, ended: () => ended }
  }

  it('are refused to an address that does not read its answers, and to no other', async () => {
    const { ask, answered, outcomes, ended } = await start(30)
    const sockets = Array.from({ length: 8 }, (_, index) => ask('192.0.2.1', `${index}`))
    await answered(8)
    expect(new Set(outcomes)).toEqual(new Set(['held']))
    ask('192.0.2.1', 'more')
    await answered(9)
    ask('192.0.2.2', 'more')
    await answered(10)
    expect(outcomes.slice(8)).toEqual(['Problem', 'held'])
    // An answer that was read makes room.
    sockets[0]?.resume()
    await expect.poll(ended).toBe(1)
    ask('192.0.2.1', 'more')
    await answered(11)
    expect(outcomes.at(-1)).toBe('held')
  })

  it('are refused to all addresses when many do not read theirs, while those under way are finished', async () => {
    const { ask, answered, outcomes } = await start(30)
    for (let index = 0; index < 64; index += 1) ask(`192.0.2.${index}`, `${index}`)
    await answered(64)
    ask('198.51.100.1', 'more')
    await answered(65)
    ask('198.51.100.1', '0')
    await answered(66)
    expect(outcomes.slice(64)).toEqual(['Unavailable', 'held'])
  })

  it('are counted once when many clients read the same one, until the last has read it', async () => {
    const { ask, answered, outcomes, ended } = await start(30)
    const readers = Array.from({ length: 100 }, () => ask('192.0.2.1'))
    await answered(100)
    for (let index = 1; index < 8; index += 1) ask('192.0.2.1', `${index}`)
    await answered(107)
    expect(new Set(outcomes)).toEqual(new Set(['held']))
    for (const socket of readers.slice(1)) socket.destroy()
    await expect.poll(ended).toBe(99)
    ask('192.0.2.1', 'more')
    await answered(108)
    expect(outcomes.at(-1)).toBe('Problem')
    readers[0]?.destroy()
    await expect.poll(ended).toBe(100)
    ask('192.0.2.1', 'more')
    await answered(109)
    expect(outcomes.at(-1)).toBe('held')
  })

  it('end with their connection when their client does not read in time', async () => {
    const { ask, ended } = await start(0.2)
    ask('192.0.2.1')
    // The client has read nothing.
    await expect.poll(ended).toBe(1)
  })
})
