import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { digestOf, type Plain } from '../../../src/domain/base/digest.ts'
import type { ClientRegistrations } from '../../../src/ports/clients.ts'
import { createClientRegistrations } from '../../../src/store/clients/client-registrations.ts'
import { basic, CLIENT_CREDENTIALS, SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'

const SECRET = 'a-secret-of-a-client-of-the-database-0123456789'
const digest = digestOf(SECRET as Plain<'client_secret'>)
const SERVICE_METADATA = JSON.stringify({ grant_types: ['client_credentials'], scope: 'read' })

/** A change is known everywhere within two seconds; a busy machine may take longer to look. */
const soon = (judge: () => Promise<void>) => vi.waitFor(judge, { timeout: 10_000, interval: 50 })

describe('a client of the database', () => {
  let deployment: Deployment
  let registrations: ClientRegistrations
  let one: Instance
  let two: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    registrations = createClientRegistrations(deployment.database)
    one = await deployment.start()
    two = await deployment.start()
  })
  afterAll(() => deployment.close())

  const tokenOf = (instance: Instance, client_id: string, secret = SECRET) =>
    instance.token(CLIENT_CREDENTIALS, basic(client_id, secret))
  const becomes = (status: number, ask: (instance: Instance) => Promise<{ status: number }>) =>
    soon(async () => {
      for (const instance of [one, two]) expect((await ask(instance)).status).toBe(status)
    })

  it('gets a token on each instance without a restart, and none from the moment that it is disabled', async () => {
    expect((await tokenOf(one, 'added')).status).toBe(401)
    await registrations.create({
      client_id: 'added',
      metadata: SERVICE_METADATA,
      client_secret_digest: digest,
    })
    await becomes(200, instance => tokenOf(instance, 'added'))
    expect((await tokenOf(two, 'added', `${SECRET}x`)).status).toBe(401)
    await registrations.disable('added')
    await becomes(401, instance => tokenOf(instance, 'added'))
    expect((await tokenOf(one, 'added')).body).toMatchObject({ error: 'invalid_client' })
    expect((await one.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
    await registrations.enable('added')
    await becomes(200, instance => tokenOf(instance, 'added'))
    await registrations.delete('added')
    await becomes(401, instance => tokenOf(instance, 'added'))
    expect((await two.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
  })
})
