import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail } from '../support/ask.ts'
import { assertionClaims, type ClientKey, createClientKey, signAssertion } from '../support/assertions.ts'
import {
  AGENT,
  agentRequest,
  authorizeStatus,
  CALLBACK,
  manage,
  REGISTERING,
  type Registered,
  redeemAnswer,
  registerAgent,
} from '../support/authorization/registrations.ts'
import { basic } from '../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { answerOf, createPerson, headingOf, queryOf } from '../support/pages/person.ts'

let deployment: Deployment
let signet: Instance
let other: Instance
beforeAll(async () => {
  deployment = await openDeployment()
  signet = await deployment.start({ environment: REGISTERING })
  other = await deployment.start({ environment: REGISTERING })
})
afterAll(() => deployment.close())

const change = async (client: Registered, members: object) => {
  const body = { ...AGENT, client_id: client.client_id, ...members }
  expect((await manage(signet, client, { method: 'PUT', body })).status).toBe(200)
}

describe('a client that changes its registration while a person reads the consent page (RFC 7592 §2.2)', () => {
  const reading = async () => {
    const client = await registerAgent(signet)
    const person = createPerson(signet)
    const page = await person.signUp(await person.arrive(agentRequest(client.client_id)), newEmail())
    expect(headingOf(page)).toContain('“Agent”')
    return { client, person, page }
  }
  const silently = async ({ person, client }: Awaited<ReturnType<typeof reading>>) =>
    answerOf(await person.arrive(agentRequest(client.client_id, { prompt: 'none' })))

  it.each([
    ['its name', { client_name: 'Famous Bank' }, '“Famous Bank”'],
    ['its redirect URIs', { redirect_uris: [CALLBACK, 'https://evil.example/cb'] }, '“Agent”'],
    ['how it proves itself', { token_endpoint_auth_method: 'client_secret_basic' }, '“Agent”'],
  ])('gets nothing by the answer to what was shown before: %s', async (_, members, name) => {
    const [one, bystander] = [await reading(), await reading()]
    await change(one.client, members)
    const again = await one.person.follow(await one.person.allow(one.page))
    expect(headingOf(again)).toContain(name)
    expect(await silently(one)).toMatchObject({ error: 'consent_required' })
    expect(answerOf(await one.person.allow(again))).toHaveProperty('code')
    expect(await silently(one)).toHaveProperty('code')
    const answer = await bystander.person.allow(bystander.page)
    expect((await redeemAnswer(other, bystander.client.client_id, { answer })).status).toBe(200)
  })

  it('is denied all the same by a person who denies', async () => {
    const { client, person, page } = await reading()
    await change(client, { client_name: 'Famous Bank' })
    expect(answerOf(await person.deny(page))).toMatchObject({ error: 'access_denied' })
  })
})

describe('the name of a client that registers itself', () => {
  it.each([
    ['a space of no width', '\u200b'],
    ['a filler', '\u3164'],
    ['a pattern of Braille without dots', '\u2800'],
    ['tags', '\u{e0041}\u{e0042}'],
    ['a mark without a letter', '\u0301'],
  ])('is the host of its redirect URI where nothing would be seen of it: %s', async (_, client_name) => {
    const { answer } = await registerAgent(signet, { client_name })
    expect(answer).toMatchObject({ client_name: 'agent.example' })
  })

  it.each(['é', '👩\u200d🚀', 'Ö'])('is kept as it is where something is seen: %s', async client_name => {
    const { answer } = await registerAgent(signet, { client_name })
    expect(answer).toMatchObject({ client_name })
  })
})

describe('pushed requests of clients that registered themselves with a secret (RFC 9126 §2)', () => {
  it('count by address over all of them, because each is a row and any program can register more', async () => {
    const environment = { ...REGISTERING, RATE_LIMIT_PUSHED_REQUESTS: '2/60' }
    const limited = await deployment.start({ environment })
    const push = async (from: string) => {
      const client = await registerAgent(limited, { token_endpoint_auth_method: 'client_secret_basic' })
      const header = basic(client.client_id, client.client_secret)
      return (await limited.post('/par', agentRequest(client.client_id), header, from)).status
    }
    const [one, two] = ['203.0.113.1', '203.0.113.2']
    expect([await push(one), await push(one), await push(one), await push(two)]).toEqual([201, 201, 429, 201])
    await limited.close()
  })
})

describe('a client that registers a key that cannot be used (RFC 7517 §4)', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  it.each([
    ['without its parameters', 'ES256', { kty: 'EC', crv: 'P-256' }],
    ['off its curve', 'ES256', { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }],
    ['of too few bytes', 'EdDSA', { kty: 'OKP', crv: 'Ed25519', x: 'AA' }],
    ['of 1,024 bits', 'RS256', publicKey.export({ format: 'jwk' })],
  ])('is refused as by a wrong signature, and causes no error of the server: %s', async (_, alg, jwk) => {
    const key = await createClientKey(alg)
    const client = await registerAgent(signet, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
    })
    const sound = await registerAgent(signet, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
    })
    expect(await refreshStatus(client, key)).toEqual([401, 'invalid_client'])
    expect(await refreshStatus(sound, key)).toEqual([400, 'invalid_grant'])
    const request = await signAssertion(
      key,
      assertionClaims(client.client_id, { client_id: client.client_id }),
      {
        typ: 'oauth-authz-req+jwt',
      },
    )
    const query = queryOf({ client_id: client.client_id, request })
    expect((await other.fetch(`/authorize?${query}`, { redirect: 'manual' })).status).toBe(400)
    expect(await authorizeStatus(other, sound.client_id)).not.toBe(400)
  })

  const refreshStatus = async ({ client_id }: Registered, key: ClientKey) => {
    const { status, body } = await signet.token({
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await signAssertion(key, assertionClaims(client_id), {}),
    })
    return [status, body['error']]
  }
})
