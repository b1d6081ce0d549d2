import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { digestOf, type Plain } from '../../../src/domain/base/digest.ts'
import type { ClientRegistrations } from '../../../src/ports/clients.ts'
import { createClientRegistrations } from '../../../src/store/clients/client-registrations.ts'
import { hasPostgres } from '../../support/backends.ts'
import { basic, CLIENT_CREDENTIALS, CLIENTS, SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { openFaultProxy } from '../../support/services/fault-proxy.ts'

const SECRET = 'a-secret-of-a-client-of-the-database-0123456789'
const client = (client_id: string, metadata: object = { grant_types: ['client_credentials'] }) => ({
  client_id,
  metadata: JSON.stringify({ scope: 'read', ...metadata }),
  client_secret_digest: digestOf(SECRET as Plain<'client_secret'>),
})

describe('an instance that follows the clients of the database', () => {
  let deployment: Deployment
  let registrations: ClientRegistrations
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    registrations = createClientRegistrations(deployment.database)
    await registrations.create(client('from-before'))
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const statusOf = async (client_id: string, instance = signet) =>
    (await instance.token(CLIENT_CREDENTIALS, basic(client_id, SECRET))).status
  /** A change is known within two seconds; a busy machine may take longer to look. */
  const becomes = (status: number, client_id: string, instance = signet) =>
    vi.waitFor(async () => expect(await statusOf(client_id, instance)).toBe(status), {
      timeout: 10_000,
      interval: 50,
    })

  it('knows from its start those that are there', async () => {
    expect(await statusOf('from-before')).toBe(200)
  })

  it('uses the one of CLIENTS_FILE where both have an id, and that of the database when the file has none', async () => {
    const instance = await deployment.start()
    await registrations.create(client('service'))
    await registrations.create(client('marker'))
    await becomes(200, 'marker', instance)
    expect(await statusOf('service', instance)).toBe(401)
    expect((await instance.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
    expect(instance.lines.filter(({ event }) => event === 'clients_registered_twice')).toEqual([
      expect.objectContaining({ level: 'warn', client_ids: ['service'] }),
    ])
    await registrations.disable('service')
    await registrations.delete('marker')
    await becomes(401, 'marker', instance)
    expect((await instance.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
    await registrations.enable('service')
    deployment.register(CLIENTS.filter(({ client_id }) => client_id !== 'service'))
    await instance.reload()
    await becomes(200, 'service', instance)
    expect((await instance.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(401)
    await instance.close()
  })

  it('leaves out one that its version does not understand, names it in the log, and keeps the others', async () => {
    await registrations.create(client('newer', { a_new_member: 1 }))
    await registrations.create(client('understood'))
    await becomes(200, 'understood')
    expect(await statusOf('newer')).toBe(401)
    expect(signet.lines).toContainEqual(
      expect.objectContaining({
        event: 'clients_not_understood',
        faults: [expect.stringMatching(/^client newer: a_new_member is not a member that Signet knows/)],
      }),
    )
  })

  it('reads all again where the changes are those of another past, as after a restore', async () => {
    await registrations.create(client('lost'))
    await becomes(200, 'lost')
    const { sql } = deployment.database
    await sql`delete from signet.clients where client_id = 'lost'`
    await sql`update signet.clients set client_id = 'restored' where client_id = 'understood'`
    await sql`delete from signet.client_changes`
    await sql`update signet.client_head set tag = gen_random_uuid()`
    await becomes(401, 'lost')
    expect([await statusOf('restored'), await statusOf('understood')]).toEqual([200, 401])
  })
})

describe.skipIf(!hasPostgres)('an instance whose database is away for a while', () => {
  it('keeps the clients that it knows, says so once, and catches up', async () => {
    const deployment = await openDeployment()
    const url = new URL(deployment.environment['DATABASE_URL'] ?? '')
    const proxy = await openFaultProxy({ host: url.hostname, port: Number(url.port || 5432) })
    const DATABASE_URL = Object.assign(new URL(url), { host: `127.0.0.1:${proxy.port}` }).href
    const instance = await deployment.start({ environment: { DATABASE_URL } })
    const notFollowed = () =>
      instance.lines.filter(({ message }) => message.startsWith('the changes of clients cannot be read'))
    try {
      await proxy.refuse()
      await vi.waitFor(() => expect(notFollowed()).toHaveLength(1), { timeout: 20_000 })
      await createClientRegistrations(deployment.database).create(client('meanwhile'))
      expect((await instance.token(CLIENT_CREDENTIALS, basic('meanwhile', SECRET))).body).toMatchObject({
        error: 'invalid_client',
      })
      await proxy.accept()
      await vi.waitFor(
        async () =>
          expect((await instance.token(CLIENT_CREDENTIALS, basic('meanwhile', SECRET))).status).toBe(200),
        { timeout: 20_000 },
      )
      expect((await instance.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
    } finally {
      await proxy.close()
      await deployment.close()
    }
  })
})
