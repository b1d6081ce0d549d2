import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshTokens } from '../support/accounts/account-api.ts'
import { PASSWORD } from '../support/ask.ts'
import { assertionClaims, createClientKey, signAssertion, withAssertion } from '../support/assertions.ts'
import { basic, CLIENT_CREDENTIALS, CLIENTS, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../support/deployment.ts'
import { seedFamily } from '../support/families.ts'
import { refresh } from '../support/refresh.ts'

describe.each(deployments)('the log, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open()
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  /** The log must hold neither the whole secret nor its end, which is the signature or the MAC of a token. */
  const expectSecret = (secrets: readonly string[]) => {
    const log = JSON.stringify(signet.lines)
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(10)
      expect(log).not.toContain(secret)
      expect(log).not.toContain(secret.slice(-20))
    }
  }

  it('holds no secret that was accepted or refused', async () => {
    const key = await createClientKey('ES256')
    const family = await seedFamily(deployment)
    const service = await signet.token(CLIENT_CREDENTIALS, SERVICE)
    const first = await refresh(signet, family.refresh_token, { key: 'idempotency-key-of-mine' })
    const assertion = await signAssertion(key, assertionClaims('jwt'))
    const guess = 'a-guessed-secret-of-some-length'
    const tokens = [service.body.access_token, first.body.access_token, first.body.refresh_token]
    await signet.token(CLIENT_CREDENTIALS, basic('service', guess))
    await signet.token(CLIENT_CREDENTIALS, basic(guess.slice(0, 5), guess))
    // Client id and secret swapped, a common mistake.
    await signet.token(CLIENT_CREDENTIALS, basic(SECRETS.service, 'service'))
    await signet.token({ ...CLIENT_CREDENTIALS, client_id: 'poster', client_secret: SECRETS.poster })
    await signet.token({ ...CLIENT_CREDENTIALS, client_id: 'poster', client_secret: guess })
    await signet.token(withAssertion(assertion))
    await signet.token({ ...CLIENT_CREDENTIALS, scope: 'unknown', resource: 'x' }, SERVICE)
    await refresh(signet, family.refresh_token, { key: 'another-idempotency-key' })
    for (const token of [...tokens, family.refresh_token]) {
      await signet.post('/introspect', { token }, SERVICE)
      await signet.post('/revoke', { token, client_id: 'app' })
      await signet.post(`/token?refresh_token=${token}`, CLIENT_CREDENTIALS, SERVICE)
      await signet.fetch(`/reset-password/${token}`)
      await signet.ask(`/auth/me?token=${token}`, { token })
    }
    const account = { email: 'ada@example.com', password: PASSWORD }
    for (const path of ['/auth/register', '/auth/register', '/auth/login']) {
      const { body } = await signet.ask(path, { body: account })
      if (!body.access_token) continue
      tokens.push(body.access_token, body.refresh_token)
      const next = await refreshTokens(signet, body)
      expect(next.status).toBe(200)
      tokens.push(next.body.access_token, next.body.refresh_token)
    }
    expect(signet.lines.length).toBeGreaterThan(20)
    expectSecret([
      ...tokens,
      ...Object.values(SECRETS),
      family.refresh_token,
      assertion,
      guess,
      PASSWORD,
      account.email,
      deployment.pepper,
    ])
    // The log holds no beginning of a token either.
    expectSecret(tokens.filter(token => token !== undefined).map(token => token.slice(0, 60)))
    expectSecret(['idempotency-key-of-mine', 'another-idempotency-key', SERVICE.authorization.slice(6)])
  })

  it('has the reason of a refusal and the client, under the request id', async () => {
    const { headers } = await signet.token({ ...CLIENT_CREDENTIALS, scope: 'unknown' }, SERVICE)
    const line = signet.lines.find(line => line['request_id'] === headers.get('x-request-id'))
    expect(line).toMatchObject({ status: 400, error: 'invalid_scope', reason: 'scope_not_registered' })
  })

  it('holds no secret of a client’s registration', () => {
    const log = JSON.stringify(signet.lines)
    for (const { client_secret } of CLIENTS as readonly { client_secret?: string }[])
      if (client_secret !== undefined) expect(log).not.toContain(client_secret)
  })
})
