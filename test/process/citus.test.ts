import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { followRevocations } from '../../src/sdk/revocations-node.ts'
import {
  ALIVE,
  claimsOf,
  DEAD,
  lives,
  outcomeOf,
  refreshTokens,
  sidOf,
  signIn,
  signUp,
  trySignUp,
} from '../support/accounts/account-api.ts'
import { createAsk } from '../support/ask.ts'
import { createDatabaseWithSchema, hasCitus, type OwnDatabase } from '../support/backends.ts'
import { createPepperText } from '../support/clients.ts'
import { becomesReady, openSandbox, type Program, type Sandbox, stopProgram } from '../support/process.ts'
import { freePort } from '../support/services/services.ts'

const ISSUER = 'http://localhost:8080'

describe.skipIf(!hasCitus)('two servers on one distributed database', { timeout: 120_000 }, () => {
  let servers: Servers
  beforeEach(async () => {
    servers = await openServers()
  })
  afterEach(() => servers.close())

  it('give a person one account, whichever of them registers it', async () => {
    const { a, b } = servers
    const email = 'ada@example.com'
    const outcomes = await Promise.all([a, b, a, b].map(server => trySignUp(server, email)))
    expect(outcomes.map(outcomeOf).toSorted()).toEqual(['201', ...Array(3).fill('409 EMAIL_TAKEN')])
    expect((await signIn(b, email)).user.email).toBe(email)
  })

  it('refresh and end a sign-in of each other, and followers of both hear of it', async () => {
    const { a, b } = servers
    const email = 'ada@example.com'
    const [kept, ended] = [await signUp(a, email), await signIn(b, email)]
    const followers = [a, b].map(({ origin }) =>
      followRevocations({
        issuer: ISSUER,
        url: `${origin}/revocations`,
        jwks_uri: `${origin}/.well-known/jwks.json`,
      }),
    )
    const { body: renewed } = await refreshTokens(b, ended)
    const token = z
      .object({
        sub: z.string(),
        sid: z.string(),
        jti: z.string(),
        client_id: z.string(),
        iat: z.number(),
        exp: z.number(),
      })
      .parse(claimsOf(renewed.access_token))
    const heard = () => followers.map(follower => follower.check(token))
    await expect.poll(heard).toEqual(['live', 'live'])
    expect((await a.ask('/auth/logout', { body: renewed })).status).toBe(204)
    await expect.poll(heard, { timeout: 10_000 }).toEqual(['revoked', 'revoked'])
    for (const follower of followers) follower.close()
    expect(await lives(b, renewed)).toEqual(DEAD)
    expect(await lives(b, kept)).toEqual(ALIVE)
    expect(sidOf(renewed)).not.toBe(sidOf(kept))
  })

  it('know everything after a restart', async () => {
    const email = 'ada@example.com'
    const [kept, ended] = [await signUp(servers.a, email), await signIn(servers.a, email)]
    expect((await servers.a.ask('/auth/logout', { body: ended })).status).toBe(204)
    const { body: renewed } = await refreshTokens(servers.a, kept)
    expect(await servers.restart()).toEqual([0, 0])
    expect(await lives(servers.b, ended)).toEqual(DEAD)
    expect(await lives(servers.a, renewed)).toEqual(ALIVE)
    expect(outcomeOf(await trySignUp(servers.b, email))).toBe('409 EMAIL_TAKEN')
  })
})

type Server = Readonly<{ origin: string; ask: ReturnType<typeof createAsk> }>
type Servers = Readonly<{
  a: Server
  b: Server
  restart: () => Promise<unknown[]>
  close: () => Promise<void>
}>

/** Two programs that share a database of the cluster, their keys and their pepper. */
const openServers = async (): Promise<Servers> => {
  const [sandbox, storage] = await Promise.all([openSandbox(), createDatabaseWithSchema()])
  const [first, second] = [await freePort(), await freePort()]
  const pepper = createPepperText()
  const start = (port: number) => startOn(storage, { sandbox, port, pepper })
  let programs = [await start(first), await start(second)]
  const serverAt = (port: number): Server => {
    const origin = `http://127.0.0.1:${port}`
    return { origin, ask: createAsk(origin) }
  }
  return {
    a: serverAt(first),
    b: serverAt(second),
    restart: async () => {
      const ends = await Promise.all(programs.map(program => stopProgram(program)))
      programs = [await start(first), await start(second)]
      return ends.map(({ code }) => code)
    },
    close: async () => {
      await sandbox.close()
      await storage.drop()
    },
  }
}

type At = Readonly<{ sandbox: Sandbox; port: number; pepper: string }>

const startOn = async ({ url }: OwnDatabase, { sandbox, port, pepper }: At): Promise<Program> => {
  const program = sandbox.start({
    PORT: String(port),
    ISSUER,
    DATABASE_URL: url,
    DATABASE_POOL_SIZE: '4',
    REFRESH_TOKEN_PEPPER: pepper,
    REFRESH_TOKEN_VERSION: '2',
    RATE_LIMIT_LOGIN: 'off',
    RATE_LIMIT_ACCOUNTS: 'off',
  })
  await becomesReady(program)
  return program
}
