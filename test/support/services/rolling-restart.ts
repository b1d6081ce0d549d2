import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, vi } from 'vitest'
import { z } from 'zod'
import { createDatabaseWithSchema } from '../backends.ts'
import { CLIENTS, createPepperText, SERVICE } from '../clients.ts'
import { openDatabase } from '../database.ts'
import { seedFamily } from '../families.ts'
import { becomesReady, openSandbox, type Program, stopProgram } from '../process.ts'
import { freePort } from './services.ts'

/** Two programs on one database, as they stand behind a proxy. */
export const openPair = async (environment: Readonly<Record<string, string>>) => {
  const [sandbox, storage] = await Promise.all([openSandbox(), createDatabaseWithSchema()])
  const database = openDatabase({ url: storage.url, pool_size: 2 })
  const pepper = createPepperText()
  const ports = [await freePort(), await freePort()] as const
  const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
  writeFileSync(CLIENTS_FILE, JSON.stringify(CLIENTS))
  const start = async (port: number): Promise<Program> => {
    const program = sandbox.start({
      PORT: String(port),
      ISSUER: 'http://localhost:8080',
      DATABASE_URL: storage.url,
      DATABASE_POOL_SIZE: '4',
      REFRESH_TOKEN_PEPPER: pepper,
      CLIENTS_FILE,
      TRUSTED_PROXIES: '127.0.0.1',
      RATE_LIMIT_TOKEN_FAILURES: 'off',
      RATE_LIMIT_REFRESH: 'off',
      ...environment,
    })
    await becomesReady(program)
    return program
  }
  const instances = [await start(ports[0]), await start(ports[1])]
  /** The addresses of the clients whose requests the program has answered. */
  const clientsOf = (program: Program) => new Set(program.log().map(({ ip }) => ip))
  return {
    ports,
    /**
     * Restarts one instance after the other. Goes on when requests of each of these clients have reached the new instance: the proxy of each
     * then knows that this instance is there. Returns how the former instances ended.
     */
    restart: async (clients: readonly string[]) => {
      const ends = []
      for (const [place, port] of ports.entries()) {
        const former = instances[place]
        if (former !== undefined) ends.push(await stopProgram(former))
        const next = await start(port)
        instances[place] = next
        await vi.waitFor(() => expect([...clientsOf(next)]).toEqual(expect.arrayContaining([...clients])), {
          timeout: 30_000,
        })
      }
      return ends.map(({ code }) => code)
    },
    seed: () => seedFamily({ database, pepper }),
    close: async () => {
      await sandbox.close()
      await database.close()
      await storage.drop()
    },
  }
}

export type Pair = Awaited<ReturnType<typeof openPair>>

type Load = Readonly<{
  pair: Pair
  count: number
  /** The address of these clients. */
  from: string
}>
type Form = Readonly<Record<string, string>>

/**
 * Workers that ask for tokens in turns by client_credentials and by their own refresh token, and never repeat a request. `stop` returns
 * every outcome that is not an answer with 200, and the number of those.
 */
export const startWorkers = async (url: string, { pair, count, from }: Load) => {
  const failed: string[] = []
  let answered = 0
  const end = new AbortController()
  const work = async (first: string) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: from })
    const ask = async (form: Form, headers: Form = {}) => {
      const answer = await post(`${url}/token`, { agent, form, headers }).catch(String)
      if (typeof answer === 'object' && answer.status === 200) {
        answered++
        return answer.text
      }
      failed.push(`${form['grant_type']}: ${JSON.stringify(answer)}`)
      return null
    }
    let refresh_token = first
    while (!end.signal.aborted && failed.length < FAILURES_MOST) {
      await ask({ grant_type: 'client_credentials' }, SERVICE)
      const rotated = await ask({ grant_type: 'refresh_token', client_id: 'app', refresh_token })
      if (rotated === null) break
      refresh_token = z.object({ refresh_token: z.string() }).parse(JSON.parse(rotated)).refresh_token
    }
    agent.destroy()
  }
  const families = await Promise.all(Array.from({ length: count }, () => pair.seed()))
  const workers = families.map(family => work(family.refresh_token))
  return {
    stop: async () => {
      end.abort()
      await Promise.all(workers)
      return { answered, failed }
    },
  }
}

/** Failures after which a load ends by itself. */
const FAILURES_MOST = 20

type Posting = Readonly<{ agent: Agent; form: Form; headers: Form }>

const post = async (url: string, { agent, form, headers }: Posting) => {
  const body = new URLSearchParams(form).toString()
  const asked = request(url, {
    method: 'POST',
    agent,
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': String(Buffer.byteLength(body)),
      ...headers,
    },
  }).end(body)
  const [answer] = z.tuple([z.instanceof(IncomingMessage)]).parse(await once(asked, 'response'))
  return { status: answer.statusCode, text: await text(answer) }
}
