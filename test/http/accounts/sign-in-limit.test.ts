import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { PASSWORD } from '../../support/ask.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'

const WRONG = 'a lantern for the desert'
const range = (count: number) => Array.from({ length: count }, (_, index) => index)

describe.each(deployments)('requests that reach no password check ($name)', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([])
    const RATE_LIMIT_REGISTER = 'off'
    const environment = { RATE_LIMIT_LOGIN: '', RATE_LIMIT_ACCOUNTS: '', RATE_LIMIT_REGISTER }
    signet = await deployment.start({ environment, wait: async () => {} })
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })

  const ask = (from: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    signet.ask('/auth/login', { method: 'POST', body, from, headers })
  const openAccount = async (email: string) => {
    await signUp(signet, email, {}, { 'X-Forwarded-For': '192.0.2.250' })
    return { email, password: PASSWORD }
  }

  const FIELDS = { email: 'ada@sign-in-limit.example', password: PASSWORD }
  it.each([
    ['a field that is missing', '192.0.2.1', { email: FIELDS.email }, {}, 422],
    ['a body that is no object', '192.0.2.2', [FIELDS], {}, 400],
    ['a client that does not exist', '192.0.2.3', { ...FIELDS, client_id: 'unknown' }, {}, 422],
    ['a resource that the client may not ask for', '192.0.2.4', { ...FIELDS, resource: 'urn:x' }, {}, 422],
    ['a page of another site', '192.0.2.5', FIELDS, { Origin: 'https://evil.example' }, 403],
  ])('leave their address its five sign-ins: %s', async (_, ip, body, headers, status) => {
    const person = await openAccount(`from-${ip}@sign-in-limit.example`)
    const refused = await Promise.all(range(100).map(() => ask(ip, body, headers)))
    expect(new Set(refused.map(answer => answer.status))).toEqual(new Set([status]))
    const answer = await ask(ip, person)
    expect([answer.status, answer.headers.get('x-ratelimit-remaining')]).toEqual([200, '4'])
  })

  it('are bounded by the general limit, and a sign-in of their address still succeeds', async () => {
    const person = await openAccount('bounded@sign-in-limit.example')
    const statuses = (await Promise.all(range(110).map(() => ask('192.0.2.20', {})))).map(each => each.status)
    expect(statuses.filter(status => status === 422)).toHaveLength(100)
    expect(statuses.filter(status => status === 429)).toHaveLength(10)
    expect((await ask('192.0.2.20', person)).status).toBe(200)
  })

  it('leave the limit of five wrong passwords as it is', async () => {
    const person = await openAccount('wrong@sign-in-limit.example')
    for (const _ of range(10)) await ask('192.0.2.30', {})
    const statuses = []
    for (const _ of range(6)) statuses.push((await ask('192.0.2.30', { ...person, password: WRONG })).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    expect((await ask('192.0.2.30', person)).status).toBe(429)
    expect((await ask('192.0.2.31', person)).status).toBe(200)
  })

  it('include the challenges for a passkey, which are counted apart', async () => {
    const person = await openAccount('passkey@sign-in-limit.example')
    const options = () => signet.ask('/auth/login/passkey/options', { body: {}, from: '192.0.2.40' })
    const statuses = (await Promise.all(range(6).map(options))).map(({ status }) => status)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 200, 429])
    expect((await ask('192.0.2.40', person)).status).toBe(200)
  })
})
