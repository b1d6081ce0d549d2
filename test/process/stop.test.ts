import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { PASSWORD } from '../support/ask.ts'
import { createDatabaseWithSchema, hasPostgres } from '../support/backends.ts'
import { basic, createPepperText, PEPPER } from '../support/clients.ts'
import { becomesReady, openSandbox, type Program, type Sandbox, stopProgram } from '../support/process.ts'
import { freePort } from '../support/services/services.ts'

/** Far less than orchestrators allow for a stop. */
const SECONDS = 5

describe.skipIf(!hasPostgres)('a graceful stop', () => {
  let sandbox: Sandbox
  let own: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  const sockets: Socket[] = []
  beforeEach(async () => {
    sandbox = await openSandbox()
    own = await createDatabaseWithSchema()
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await sandbox.close()
    await own.drop()
  })
  const environment = () => ({ DATABASE_URL: own.url, REFRESH_TOKEN_PEPPER: PEPPER })
  const start = async (
    more: Readonly<Record<string, string>> = {},
    ...command: readonly string[]
  ): Promise<Program> => {
    const program = sandbox.start({ ...environment(), ...more }, ...command)
    await becomesReady(program)
    return program
  }
  const open = async (text: string): Promise<Socket> => {
    const socket = connect(sandbox.port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    await once(socket, 'connect')
    socket.write(text)
    return socket
  }
  const BODY = JSON.stringify({ email: 'ada@example.com', password: PASSWORD })
  const HEAD = `POST /auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`

  /** Idle keep-alive connections that were used before, as load balancers hold them. */
  const keepAlive = async () => {
    const agent = new Agent({ keepAlive: true })
    const ask = () =>
      new Promise<number>((resolve, reject) => {
        request({ port: sandbox.port, host: '127.0.0.1', path: '/livez', agent }, answer => {
          answer.resume().once('end', () => resolve(answer.statusCode ?? 0))
        })
          .once('error', reject)
          .end()
      })
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([200, 200, 200])
    return agent
  }

  it('finishes the request under way with Connection: close, and ends with 0', async () => {
    const program = await start()
    const agent = await keepAlive()
    const socket = await open(HEAD + BODY.slice(0, 10))
    let answer = ''
    socket.on('data', data => {
      answer += String(data)
    })
    await expect.poll(() => sandbox.ask('/livez').then(({ status }) => status)).toBe(200)
    const stopped = stopProgram(program)
    await expect.poll(() => program.out()).toContain('"stopping"')
    socket.write(BODY.slice(10))
    await once(socket, 'close')
    expect(answer).toMatch(/^HTTP\/1\.1 201 /)
    expect(answer).toMatch(/\r\nconnection: close\r\n/i)
    const { code, seconds } = await stopped
    expect(code).toBe(0)
    expect(seconds).toBeLessThan(SECONDS)
    expect(program.log().at(-1)).toMatchObject({ msg: 'stopped' })
    agent.destroy()
  })

  it('serves on for DRAIN_SECONDS, not ready and with Connection: close, and answers long polls at once', async () => {
    const program = await start({ DRAIN_SECONDS: '600' })
    const { text: jws } = await sandbox.ask('/revocations')
    const { cursor } = z
      .object({ cursor: z.string() })
      .parse(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()))
    const poll = await open(`GET /revocations?cursor=${cursor}&wait=20 HTTP/1.1\r\nHost: x\r\n\r\n`)
    const polled = text(poll)
    await expect.poll(() => sandbox.ask('/readyz').then(({ status }) => status)).toBe(200)
    program.process.kill('SIGTERM')
    expect(await polled).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\nconnection: close\r\n/i)
    const ready = await sandbox.ask('/readyz')
    expect(ready).toMatchObject({ status: 503, body: { missing: ['draining'] } })
    expect(ready.headers.get('connection')).toBe('close')
    const registered = await sandbox.ask('/auth/register', { raw: BODY })
    expect([registered.status, registered.headers.get('connection')]).toEqual([201, 'close'])
    expect((await sandbox.ask('/livez')).status).toBe(200)
    const again = setInterval(() => program.process.kill('SIGTERM'), 200)
    expect(await program.ended).toMatchObject({ code: 1 })
    clearInterval(again)
  })

  it('answers on an idle connection after the port has closed, as the last request of that connection', async () => {
    const program = await start({ DRAIN_SECONDS: '1' })
    const kept = await open('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(String((await once(kept, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
    const stopped = stopProgram(program)
    await expect.poll(() => isListening(sandbox.port), { timeout: 10_000 }).toBe(false)
    const answer = text(kept)
    kept.write(HEAD + BODY)
    expect(await answer).toMatch(/^HTTP\/1\.1 201 [\s\S]*\r\nconnection: close\r\n/i)
    expect(await stopped).toMatchObject({ code: 0 })
  })

  it('ends the streams of events, whose readers go on at another instance', async () => {
    const issuer = `http://localhost:${sandbox.port}`
    const internal = await freePort()
    const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
    const secret = createPepperText()
    const grant_types = ['client_credentials']
    const watcher = { client_id: 'watcher', client_secret: secret, grant_types, scope: 'signet:viewer' }
    writeFileSync(CLIENTS_FILE, JSON.stringify([{ ...watcher, audience: [issuer] }]))
    const program = await start({ ISSUER: issuer, INTERNAL_PORT: String(internal), CLIENTS_FILE })
    const { body } = await sandbox.ask('/token', {
      form: { grant_type: 'client_credentials' },
      headers: basic('watcher', secret),
    })
    const stream = await fetch(`http://127.0.0.1:${internal}/admin/events?follow`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    })
    expect(stream.status).toBe(200)
    const read = stream.text()
    const { code } = await stopProgram(program)
    expect(code).toBe(0)
    // A connection that is cut off at the end of the stop would reject.
    expect(await read).toMatch(/^retry: \d+\nid: \d+\n\n/)
  })

  it('does not wait for connections that have sent nothing', async () => {
    const program = await start()
    await open('')
    await open('')
    const { code, seconds } = await stopProgram(program)
    expect(code).toBe(0)
    expect(seconds).toBeLessThan(SECONDS)
  })

  it('accepts no new connection', async () => {
    const program = await start()
    const held = await open(HEAD)
    const stopped = stopProgram(program)
    await expect.poll(() => program.out()).toContain('"stopping"')
    await expect(fetch(`${sandbox.origin}/livez`)).rejects.toThrow('fetch failed')
    held.destroy()
    expect(await stopped).toMatchObject({ code: 0 })
  })

  it('works under npm start, which passes SIGTERM on, with open keep-alive connections', async () => {
    const program = await start({}, 'npm', 'start', '--silent')
    const agent = await keepAlive()
    const { seconds } = await stopProgram(program)
    expect(seconds).toBeLessThan(SECONDS)
    expect(program.log().at(-1)).toMatchObject({ msg: 'stopped' })
    agent.destroy()
  })

  it('works by Ctrl-C under npm start, which delivers SIGINT twice: from the terminal and from npm', async () => {
    const program = sandbox.startDetached(environment(), 'npm', 'start', '--silent')
    await becomesReady(program)
    const socket = await open(HEAD + BODY.slice(0, 10))
    await expect.poll(() => sandbox.ask('/livez').then(({ status }) => status)).toBe(200)
    process.kill(-(program.process.pid ?? 0), 'SIGINT')
    await expect.poll(() => program.out()).toContain('"stopping"')
    program.process.kill('SIGINT')
    const answered = once(socket, 'data')
    socket.write(BODY.slice(10))
    expect(String((await answered)[0])).toMatch(/^HTTP\/1\.1 201 /)
    await program.ended
    expect(program.log().at(-1)).toMatchObject({ msg: 'stopped' })
  })

  it('is cut short by a later second signal', async () => {
    const program = await start()
    await open(HEAD)
    program.process.kill('SIGINT')
    await expect.poll(() => program.out()).toContain('"stopping"')
    const again = setInterval(() => program.process.kill('SIGINT'), 200)
    const { code } = await program.ended
    clearInterval(again)
    expect(code).toBe(1)
  })
})

const isListening = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
