import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  redirectHostRefusal,
  registeredAtRefusal,
} from '../../../src/domain/clients/registration-refusals.ts'
import { rowMetadataOf } from '../../../src/domain/clients/stored-registration.ts'
import { createClientRegistrations } from '../../../src/store/clients/client-registrations.ts'
import { createRegistrationRefusals } from '../../../src/store/clients/registration-refusals.ts'
import { createRegistrationRows } from '../../../src/store/clients/registration-rows.ts'
import {
  AGENT,
  allowAgent,
  authorizeStatus,
  CALLBACK,
  manage,
  REGISTERING,
  type Registered,
  redeemAnswer,
  registerAgent,
  registrationRows,
  tryRegister,
} from '../../support/authorization/registrations.ts'
import { basic } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { headingOf } from '../../support/pages/person.ts'

let deployment: Deployment
let signet: Instance
let other: Instance
const { clock, advance, reset } = createClock()
beforeAll(async () => {
  deployment = await openDeployment()
  signet = await start()
  other = await start()
})
afterAll(() => deployment.close())

const start = (more: Readonly<Record<string, string>> = {}) =>
  deployment.start({ clock, environment: { ...REGISTERING, ...more } })

const NEW_CALLBACK = 'https://agent.example/new'
const changed = (client: Registered, members: object = {}) => ({
  ...AGENT,
  client_id: client.client_id,
  redirect_uris: [NEW_CALLBACK],
  ...members,
})
/** A change is known everywhere within two seconds; a busy machine may take longer to look. */
const becomes = (status: number, client_id: string, at = other, redirect_uri = CALLBACK) =>
  vi.waitFor(async () => expect(await authorizeStatus(at, client_id, { redirect_uri })).toBe(status), {
    timeout: 10_000,
    interval: 50,
  })
const errorOf = ({ status, body }: Awaited<ReturnType<typeof manage>>) => [status, body['error']]

describe('RFC 7592 §2.1 – reading a registration', () => {
  it('answers the client at every instance, also while no new ones are taken, and without its secret', async () => {
    const client = await registerAgent(signet)
    const off = await start({ REGISTRATION: 'off' })
    for (const at of [signet, other, off]) {
      const { status, body } = await manage(at, client)
      expect(status).toBe(200)
      expect(body).toEqual(client.answer)
    }
    await off.close()
    const confidential = await registerAgent(signet, { token_endpoint_auth_method: 'client_secret_post' })
    const read = await manage(other, confidential)
    expect(read.status).toBe(200)
    expect(read.body).not.toHaveProperty('client_secret')
  })

  it('refuses every token but the one of this client', async () => {
    const [client, stranger] = [await registerAgent(signet), await registerAgent(signet)]
    const token = client.registration_access_token
    const path = new URL(client.registration_client_uri).pathname
    const refused = [
      await manage(signet, { ...client, registration_access_token: stranger.registration_access_token }),
      await manage(signet, { ...client, registration_access_token: `${token.slice(0, -2)}AA` }),
      await manage(signet, { ...client, registration_client_uri: stranger.registration_client_uri }),
      await manage(signet, { ...client, registration_client_uri: `${client.registration_client_uri}A` }),
      await manage(signet, { ...client, registration_client_uri: `${signet.issuer}/register/service` }),
      await signet.ask(path),
    ]
    for (const each of refused) {
      expect(errorOf(each)).toEqual([401, 'invalid_token'])
      expect(each.headers.get('www-authenticate')).toMatch(/^Bearer realm="signet"/)
    }
    for (const method of ['PUT', 'DELETE'] as const) {
      const asked = { method, ...(method === 'PUT' ? { body: changed(client) } : {}) }
      const foreign = { ...client, registration_access_token: stranger.registration_access_token }
      expect((await manage(signet, foreign, asked)).status).toBe(401)
    }
    expect((await manage(signet, client)).status).toBe(200)
    expect(await authorizeStatus(signet, client.client_id)).toBe(303)
  })
})

describe('RFC 7592 §2.2 – changing a registration', () => {
  it('counts at once here and soon elsewhere, adds one row however often, and asks people again', async () => {
    const before = await registrationRows(deployment)
    const client = await registerAgent(signet)
    const { client_id } = client
    const { arrive } = await allowAgent(signet, client_id)
    expect(headingOf(await arrive())).not.toContain('Allow ')
    const { status, body } = await manage(signet, client, {
      method: 'PUT',
      body: changed(client, { scope: 'read' }),
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ client_id, redirect_uris: [NEW_CALLBACK], scope: 'read' })
    expect(await authorizeStatus(signet, client_id)).toBe(400)
    await becomes(303, client_id, other, NEW_CALLBACK)
    expect((await manage(other, client)).body).toEqual(body)
    const both = { ...changed(client), redirect_uris: [CALLBACK, NEW_CALLBACK] }
    await Promise.all([signet, other].map(at => manage(at, client, { method: 'PUT', body: both })))
    expect(await registrationRows(deployment)).toBe(before + 1)
    await becomes(303, client_id, signet)
    expect(headingOf(await arrive())).toContain('Allow ')
    const late = await start()
    expect(await authorizeStatus(late, client_id, { redirect_uri: NEW_CALLBACK })).toBe(303)
    await late.close()
  })

  it('adds one row when two instances change a client at the same time', async () => {
    const before = await registrationRows(deployment)
    const client = await registerAgent(signet)
    const asked = [signet, other, signet, other].map(at =>
      manage(at, client, { method: 'PUT', body: changed(client) }),
    )
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await registrationRows(deployment)).toBe(before + 1)
  })

  it('gives a public client a secret once, which goes on while it stays confidential', async () => {
    const client = await registerAgent(signet)
    const { client_id } = client
    const confidential = changed(client, { ...AGENT, token_endpoint_auth_method: 'client_secret_basic' })
    const first = await manage(signet, client, { method: 'PUT', body: confidential })
    const client_secret = String(first.body['client_secret'])
    const { authorization } = basic(client_id, client_secret)
    const again = await manage(signet, client, { method: 'PUT', body: { ...confidential, client_secret } })
    expect(again.status).toBe(200)
    expect(again.body).not.toHaveProperty('client_secret')
    const { answer } = await allowAgent(signet, client_id)
    expect((await redeemAnswer(signet, client_id, { answer })).status).toBe(401)
    expect((await redeemAnswer(signet, client_id, { answer, authorization })).status).toBe(200)
    const wrong = { ...confidential, client_secret: `${client_secret}x` }
    expect(errorOf(await manage(signet, client, { method: 'PUT', body: wrong }))).toEqual([
      400,
      'invalid_client_metadata',
    ])
  })

  it.each([
    ['client_id', { client_id: 'another' }],
    ['client_id', { client_id: undefined }],
    ['registration_access_token', { registration_access_token: 'x' }],
    ['registration_client_uri', { registration_client_uri: 'x' }],
    ['client_secret_expires_at', { client_secret_expires_at: 0 }],
    ['client_id_issued_at', { client_id_issued_at: 0 }],
    ['client_secret', { client_secret: 'mine' }],
    ['redirect_uris[0]', { redirect_uris: ['javascript:alert(1)'] }],
  ])('is refused with the name of %s, and changes nothing', async (member, members) => {
    const client = await registerAgent(signet)
    const { status, body } = await manage(signet, client, { method: 'PUT', body: changed(client, members) })
    expect(status).toBe(400)
    expect(body['error_description']).toContain(member)
    expect((await manage(signet, client)).body).toEqual(client.answer)
  })
})

describe('RFC 7592 §2.3 – deleting a registration', () => {
  it.each([
    ['that its id carries', {}],
    ['with a secret', { token_endpoint_auth_method: 'client_secret_post' }],
  ])('of a client %s: its tokens are dead, and its id comes back nowhere', async (_, members) => {
    const [client, bystander] = [await registerAgent(signet, members), await registerAgent(signet)]
    const { client_id } = client
    const isPublic = client.client_secret === ''
    const { answer } = await allowAgent(signet, bystander.client_id)
    const living = await redeemAnswer(signet, bystander.client_id, { answer })
    const deleted = await manage(signet, client, { method: 'DELETE' })
    expect([deleted.status, deleted.text]).toEqual([204, ''])
    const secret = isPublic ? {} : { client_secret: client.client_secret }
    const dead = await signet.token({ grant_type: 'refresh_token', client_id, refresh_token: 'x', ...secret })
    expect([dead.status, dead.body['error']]).toEqual([401, 'invalid_client'])
    expect(await authorizeStatus(signet, client_id)).toBe(400)
    await becomes(400, client_id)
    const late = await start()
    expect(await authorizeStatus(late, client_id)).toBe(400)
    await late.close()
    for (const method of ['GET', 'DELETE'] as const)
      expect((await manage(other, client, { method })).status).toBe(401)
    const put = await manage(other, client, { method: 'PUT', body: changed(client) })
    expect(put.status).toBe(401)
    const rows = createRegistrationRows(deployment.database)
    await rows.enable(client_id)
    expect(await authorizeStatus(signet, client_id)).toBe(400)
    const { refresh_token } = living.body
    const form = { grant_type: 'refresh_token', client_id: bystander.client_id, refresh_token }
    expect((await signet.token(form)).status).toBe(200)
  })

  it('ends the sign-ins of the client', async () => {
    const client = await registerAgent(signet)
    const { answer } = await allowAgent(signet, client.client_id)
    const { access_token } = (await redeemAnswer(signet, client.client_id, { answer })).body
    expect((await other.ask('/userinfo', { token: access_token })).status).toBe(200)
    await manage(signet, client, { method: 'DELETE' })
    expect((await other.ask('/userinfo', { token: access_token })).status).toBe(401)
  })

  it('wins against changes that come at the same time', async () => {
    const client = await registerAgent(signet)
    const asked = [signet, other, signet].map(at =>
      manage(at, client, { method: 'PUT', body: changed(client) }),
    )
    const [deleted] = await Promise.all([manage(other, client, { method: 'DELETE' }), ...asked])
    expect(deleted.status).toBe(204)
    expect((await manage(signet, client)).status).toBe(401)
    await becomes(400, client.client_id, signet, NEW_CALLBACK)
  })
})

describe('a client that an operator refuses', () => {
  it('by its id: everywhere, also where it changes itself, until it is enabled again', async () => {
    const [client, bystander] = [await registerAgent(signet), await registerAgent(signet)]
    const rows = createRegistrationRows(deployment.database)
    const row = { client_id: client.client_id, metadata: rowMetadataOf('sealed'), client_secret_digest: null }
    expect(await rows.add({ ...row, isDisabled: true, event: 'client.disabled' })).toBe('added')
    await becomes(400, client.client_id)
    await becomes(400, client.client_id, signet)
    expect(signet.lines.findLast(({ message }) => message === 'request')).toMatchObject({
      reason: 'client_withheld',
    })
    for (const method of ['GET', 'DELETE'] as const)
      expect(errorOf(await manage(signet, client, { method }))).toEqual([403, 'access_denied'])
    const put = await manage(signet, client, { method: 'PUT', body: changed(client) })
    expect(put.status).toBe(403)
    expect(await authorizeStatus(other, bystander.client_id)).toBe(303)
    await rows.enable(client.client_id)
    await becomes(303, client.client_id)
    expect((await manage(signet, client)).body).toEqual(client.answer)
  })

  it('by a host of its redirect URIs: those that are there, and new ones', async () => {
    const redirect_uris = [CALLBACK, 'https://evil.example:8443/cb']
    const [client, bystander] = [await registerAgent(signet, { redirect_uris }), await registerAgent(signet)]
    const withDot = 'https://evil.example./cb'
    const dotted = await registerAgent(signet, { redirect_uris: [withDot] })
    const refusals = createRegistrationRefusals(deployment.database)
    await refusals.add(redirectHostRefusal('EVIL.example'))
    await refusals.add(redirectHostRefusal('evil.example.'))
    await becomes(400, client.client_id)
    await becomes(400, client.client_id, signet)
    await becomes(400, dotted.client_id, other, withDot)
    const refused = await tryRegister(signet, { ...AGENT, redirect_uris })
    expect(errorOf(refused)).toEqual([400, 'invalid_redirect_uri'])
    expect(refused.body['error_description']).toContain('evil.example')
    for (const uri of [withDot, 'https://evil%2Eexample%2E/cb'])
      expect((await tryRegister(signet, { ...AGENT, redirect_uris: [uri] })).status).toBe(400)
    expect(
      (await tryRegister(signet, { ...AGENT, redirect_uris: ['https://good.example./cb'] })).status,
    ).toBe(201)
    const late = await start()
    expect(await authorizeStatus(late, client.client_id)).toBe(400)
    await late.close()
    expect(await authorizeStatus(other, bystander.client_id)).toBe(303)
    expect(await refusals.remove(redirectHostRefusal('evil.example'))).toBe(true)
    expect(await refusals.remove(redirectHostRefusal('evil.example'))).toBe(false)
    await becomes(303, client.client_id)
  })

  it('by the time of its registration, both ends of the span included', async () => {
    const early = await registerAgent(signet)
    advance(60)
    const from = clock()
    const [first, confidential] = [
      await registerAgent(signet),
      await registerAgent(signet, { token_endpoint_auth_method: 'client_secret_basic' }),
    ]
    advance(60)
    const [until, last] = [clock(), await registerAgent(signet)]
    advance(60)
    const after = await registerAgent(signet)
    const refusals = createRegistrationRefusals(deployment.database)
    await refusals.add(registeredAtRefusal({ from, until }))
    for (const { client_id } of [first, confidential, last]) await becomes(400, client_id)
    for (const { client_id } of [early, after]) expect(await authorizeStatus(other, client_id)).toBe(303)
    await refusals.remove(registeredAtRefusal({ from, until }))
    await becomes(303, first.client_id)
    reset()
  })
})

describe('the rows of registrations', () => {
  it('are bounded apart from the clients of operators: a full table answers 503, and keeps what is there', async () => {
    const client = await registerAgent(signet)
    const { sql } = deployment.database
    await sql`update client_head set registrations = registrations + 10000`
    const secret = { ...AGENT, token_endpoint_auth_method: 'client_secret_basic' }
    const refused = await tryRegister(signet, secret)
    expect(errorOf(refused)).toEqual([503, 'temporarily_unavailable'])
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    expect((await manage(signet, client, { method: 'PUT', body: changed(client) })).status).toBe(503)
    expect((await tryRegister(signet, AGENT)).status).toBe(201)
    const operators = createClientRegistrations(deployment.database)
    const own = { client_id: 'operators-own', metadata: '{}', client_secret_digest: null }
    expect(await operators.create(own)).toMatchObject({ version: expect.any(Number) })
    await operators.delete('operators-own')
    await sql`update client_head set registrations = registrations - 10000`
    expect((await tryRegister(signet, secret)).status).toBe(201)
    await registrationRows(deployment)
  })

  it('are none of an operator: they are neither replaced nor first-party', async () => {
    const client = await registerAgent(signet, { token_endpoint_auth_method: 'client_secret_basic' })
    const operators = createClientRegistrations(deployment.database)
    const record = await operators.find(client.client_id)
    const row = { client_id: client.client_id, client_secret_digest: null, metadata: '{"first_party":true}' }
    expect(await operators.replace({ ...row, version: record?.version ?? 0 })).toBe('unknown')
    expect((await manage(signet, client)).status).toBe(200)
  })
})
