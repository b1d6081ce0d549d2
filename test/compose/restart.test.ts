import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../support/accounts/account-api.ts'
import { assertionClaims, createClientKey, signAssertion, withAssertion } from '../support/assertions.ts'
import { createDataDir } from '../support/backends.ts'
import { API, CLIENTS, SERVICE } from '../support/clients.ts'
import { type Instance, startInstance } from '../support/deployment.ts'
import { isActive, refresh } from '../support/refresh.ts'

/** Only CLIENTS_FILE is set: the server has made pepper, key and database itself, and must find them again. */
describe('a restart on the embedded default', () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-restart-'))
  let data: Awaited<ReturnType<typeof createDataDir>>
  let key: Awaited<ReturnType<typeof createClientKey>>
  let signet: Instance
  const environment = () => ({
    DATA_DIR: data.data_dir,
    KEYS_DIR: join(directory, 'keys'),
    CLIENTS_FILE: join(directory, 'clients.json'),
  })
  const restart = async () => {
    await signet.close()
    signet = await startInstance(environment(), {})
  }
  beforeAll(async () => {
    data = await createDataDir()
    key = await createClientKey('ES256')
    const jwt = {
      client_id: 'jwt',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
      grant_types: ['client_credentials'],
      audience: API,
    }
    writeFileSync(join(directory, 'clients.json'), JSON.stringify([...CLIENTS, jwt]))
    signet = await startInstance(environment(), {})
  })
  afterAll(async () => {
    await signet.close()
    data.remove()
    rmSync(directory, { recursive: true, force: true })
  })

  const redeem = (refresh_token: string, key: string) => refresh(signet, refresh_token, { key })

  it('keeps living tokens alive, and ended, spent and used ones refused', async () => {
    const assertion = await signAssertion(key, assertionClaims('jwt'))
    expect((await signet.token(withAssertion(assertion))).status).toBe(200)
    const [ended, alive] = await Promise.all([
      signet.token({ grant_type: 'client_credentials' }, SERVICE),
      signet.token({ grant_type: 'client_credentials' }, SERVICE),
    ])
    await signet.post('/revoke', { token: ended.body.access_token }, SERVICE)
    const client_id = 'app'
    const ada = await signUp(signet, 'ada@example.com', { client_id })
    const eve = await signUp(signet, 'eve@example.com', { client_id })
    const next = await redeem(ada.refresh_token, 'before')
    await signet.post('/revoke', { token: eve.refresh_token, client_id })

    await restart()
    expect((await signet.token(withAssertion(assertion))).status).toBe(401)
    expect(await isActive(signet, alive.body.access_token)).toBe(true)
    expect(await isActive(signet, ended.body.access_token)).toBe(false)
    expect(await isActive(signet, eve.access_token)).toBe(false)
    expect((await redeem(eve.refresh_token, 'x')).status).toBe(400)
    expect((await redeem(ada.refresh_token, 'before')).body.refresh_token).toBe(next.body.refresh_token)
    const third = await redeem(next.body.refresh_token, 'after')
    expect(third.status).toBe(200)

    await restart()
    expect((await redeem(ada.refresh_token, 'before')).status).toBe(400)
    expect((await redeem(third.body.refresh_token, 'thief noticed')).status).toBe(400)
    expect(await isActive(signet, third.body.access_token)).toBe(false)
  })
})
