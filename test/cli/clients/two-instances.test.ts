import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Answer } from '../../support/answer.ts'
import { hasPostgres } from '../../support/backends.ts'
import { API, basic, CLIENT_CREDENTIALS, SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, openServedDeployment } from '../../support/deployment.ts'
import { seedFamily } from '../../support/families.ts'
import { isActive, refresh, refused, rotated } from '../../support/refresh.ts'
import { SECRET, serviceEntry, signetd } from './support.ts'

const INVALID_CLIENT = [401, 'invalid_client']

describe.skipIf(!hasPostgres)('a client of the database at two instances', () => {
  let deployment: Deployment
  let one: Instance
  let two: Instance
  beforeAll(async () => {
    deployment = await openServedDeployment()
    one = await deployment.start()
    two = await deployment.start()
  })
  afterAll(() => deployment.close())

  const command = async (words: readonly string[], input: unknown = '') => {
    const said = await signetd(deployment.environment, ['clients', ...words], JSON.stringify(input))
    expect(said).toMatchObject({ code: 0, err: [] })
  }
  /** A change is known everywhere within two seconds; a busy machine may take longer to look. */
  const becomes = (status: number, ask: (instance: Instance) => Promise<Answer>) =>
    vi.waitFor(
      async () => {
        for (const instance of [one, two]) expect((await ask(instance)).status).toBe(status)
      },
      { timeout: 10_000, interval: 50 },
    )
  const tokenOf = (instance: Instance, secret = SECRET) =>
    instance.token(CLIENT_CREDENTIALS, basic('added', secret))

  it('gets tokens from when it is added, and none while it is disabled or after it was removed', async () => {
    expect((await tokenOf(one)).status).toBe(401)
    await command(['add', '-'], serviceEntry('added', { client_secret: SECRET }))
    await becomes(200, tokenOf)
    expect((await tokenOf(two, `${SECRET}x`)).status).toBe(401)
    await command(['disable', 'added'])
    await becomes(401, tokenOf)
    expect((await tokenOf(one)).body).toMatchObject({ error: 'invalid_client' })
    await command(['enable', 'added'])
    await becomes(200, tokenOf)
    await command(['remove', 'added', '--now'])
    await becomes(401, tokenOf)
    for (const instance of [one, two])
      expect((await instance.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
  })

  it('is refused with the sign-ins of its people while it is disabled, which live again afterwards', async () => {
    const entry = { token_endpoint_auth_method: 'none', grant_types: ['refresh_token'], audience: [API] }
    await command(['add', '-'], [{ client_id: 'web', scope: 'read', ...entry }])
    const family = await seedFamily(deployment, { client_id: 'web' })
    const bystander = await seedFamily(deployment, { user_id: family.user_id })
    const unknown = { client_id: 'web', form: { resource: 'https://unknown.example' } }
    await becomes(400, instance => refresh(instance, family.refresh_token, unknown))
    const { body } = await refresh(one, family.refresh_token, { client_id: 'web' })
    expect(await isActive(two, body.access_token)).toBe(true)

    await command(['disable', 'web'])
    await becomes(401, instance => refresh(instance, body.refresh_token, unknown))
    for (const instance of [one, two]) {
      expect(await refused(instance, body.refresh_token, { client_id: 'web' })).toEqual(INVALID_CLIENT)
      expect(await isActive(instance, body.access_token)).toBe(false)
    }
    await rotated(two, bystander.refresh_token)

    await command(['enable', 'web'])
    await becomes(400, instance => refresh(instance, body.refresh_token, unknown))
    expect(await isActive(one, body.access_token)).toBe(true)
    await rotated(two, body.refresh_token, { client_id: 'web' })
  })
})
