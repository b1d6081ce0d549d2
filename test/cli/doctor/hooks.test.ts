import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runProgram } from '../../../src/cli/program.ts'
import { freePort } from '../../support/services/services.ts'

describe('signetd doctor, about hooks', () => {
  let directory: string
  let heard = ''
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', data => {
      heard += String(data)
      // A server that speaks no TLS.
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
  })
  let port: number
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'signet-doctor-'))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('a server without a port')
    port = address.port
  })
  afterAll(() => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const doctor = async (environment: Readonly<Record<string, string>>) => {
    const lines: string[] = []
    const places = { PORT: String(await freePort()), INTERNAL_PORT: 'off', OUTBOUND_ALLOW: '127.0.0.0/8' }
    const directories = { KEYS_DIR: join(directory, 'keys'), DATA_DIR: join(directory, 'data') }
    const io = {
      environment: { ...places, ...directories, ...environment },
      out: (line: string) => lines.push(line),
      err: (line: string) => lines.push(line),
    }
    const code = await runProgram(['doctor'], io, async () => {})
    return [code, lines.filter(line => /^\w+ +(?:\w+ hook|events webhook|session verifier)\b/.test(line))]
  }

  it('says nothing where none is configured', async () => {
    expect(await doctor({})).toEqual([0, []])
  })

  it('connects to each, says in which time, and sends nothing', async () => {
    const url = (path: string) => `http://127.0.0.1:${port}/${path}`
    const answer = await doctor({
      PASSWORD_HOOK_URL: url('password'),
      PASSWORD_HOOK_UNTIL: '2999-01-01',
      CLAIMS_HOOK_URL: url('claims'),
      SESSION_VERIFIER_URL: url('sessions'),
      EVENTS_WEBHOOK_URL: url('events'),
    })
    const names = ['password hook', 'claims hook', 'session verifier', 'events webhook']
    const connected = (name: string) =>
      expect.stringMatching(new RegExp(`^ok     ${name}: connected to 127\\.0\\.0\\.1:${port} in \\d+ ms$`))
    expect(answer).toEqual([0, names.map(connected)])
    expect(heard).toBe('')
  })

  it('finds a fault where nothing answers, and where TLS fails', async () => {
    const CLAIMS_HOOK_URL = `http://127.0.0.1:${await freePort()}/claims`
    const EVENTS_WEBHOOK_URL = `https://127.0.0.1:${port}/events`
    expect(await doctor({ CLAIMS_HOOK_URL, EVENTS_WEBHOOK_URL })).toEqual([
      1,
      [
        expect.stringMatching(
          /^fault {2}claims hook: CLAIMS_HOOK_URL: no connection to .*\(unreachable\): see that/,
        ),
        expect.stringMatching(
          /^fault {2}events webhook: EVENTS_WEBHOOK_URL: .*\(tls_failed\): see that its certificate/,
        ),
      ],
    ])
  })

  it('refuses a webhook at an internal address that OUTBOUND_ALLOW does not name, as a start does', async () => {
    const lines: string[] = []
    const io = {
      environment: { EVENTS_WEBHOOK_URL: 'https://10.0.0.1/events' },
      out: (line: string) => lines.push(line),
      err: (line: string) => lines.push(line),
    }
    expect(await runProgram(['doctor'], io, async () => {})).toBe(1)
    expect(lines).toEqual([
      expect.stringMatching(/^fault {2}configuration: EVENTS_WEBHOOK_URL must be an https URL/),
    ])
  })
})
