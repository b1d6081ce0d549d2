import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail } from '../support/ask.ts'
import {
  AGENT,
  CALLBACK,
  manage,
  REGISTERING,
  type Registered,
  redeemAnswer,
  registerAgent,
} from '../support/authorization/registrations.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { answerOf, CODE_CHALLENGE, createPerson, headingOf, queryOf } from '../support/pages/person.ts'

let deployment: Deployment
let signet: Instance
let other: Instance
beforeAll(async () => {
  deployment = await openDeployment()
  signet = await deployment.start({ environment: REGISTERING })
  other = await deployment.start({ environment: REGISTERING })
})
afterAll(() => deployment.close())

const asking = (client_id: string, more: Readonly<Record<string, string>> = {}) =>
  queryOf({
    response_type: 'code',
    client_id,
    redirect_uri: CALLBACK,
    scope: 'openid offline_access read',
    state: 's',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  })
const change = async (client: Registered, members: object) => {
  const body = { ...AGENT, client_id: client.client_id, ...members }
  expect((await manage(signet, client, { method: 'PUT', body })).status).toBe(200)
}

describe('a client that changes its registration while a person reads the consent page (RFC 7592 §2.2)', () => {
  const reading = async () => {
    const client = await registerAgent(signet)
    const person = createPerson(signet)
    const page = await person.signUp(await person.arrive(asking(client.client_id)), newEmail())
    expect(headingOf(page)).toContain('“Agent”')
    return { client, person, page }
  }
  const silently = async ({ person, client }: Awaited<ReturnType<typeof reading>>) =>
    answerOf(await person.arrive(asking(client.client_id, { prompt: 'none' })))

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
