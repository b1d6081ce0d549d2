import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { ADMINISTERING, administrationBy } from '../../support/accounts/administration.ts'
import { CLIENTS } from '../../support/clients.ts'
import { type Deployment, openDeployment } from '../../support/deployment.ts'

describe('the activity of the administration', () => {
  let deployment: Deployment
  beforeAll(async () => {
    deployment = await openDeployment([...CLIENTS, ...ADMINISTERING])
  })
  afterAll(() => deployment.close())

  it('has what an instance counted, which writes it when it stops', async () => {
    const first = await deployment.start()
    await signUp(first, 'active@b.example')
    await trySignIn(first, 'active@b.example')
    await trySignIn(first, 'active@b.example', { password: 'not this lantern at all' })
    await first.close()
    const second = await deployment.start()
    const ask = await administrationBy(second, 'watcher')
    for (const query of ['', '?hours=720']) {
      const { status, body } = await ask(`/activity${query}`)
      expect(status).toBe(200)
      expect(body).toMatchObject({ instances: 1, degradations: [], living_sign_ins: null })
      const { sign_ins } = body['series'] as Record<string, Record<string, readonly number[]>>
      expect(sign_ins?.['signed_in']?.reduce((sum, count) => sum + count, 0)).toBe(1)
      expect(sign_ins?.['password_wrong']?.reduce((sum, count) => sum + count, 0)).toBe(1)
    }
    expect(await ask('/activity?hours=25')).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '#/hours' }] },
    })
  })

  it('has the findings of the doctor beside it, for a viewer too', async () => {
    const instance = await deployment.start()
    const ask = await administrationBy(instance, 'watcher')
    const { status, body } = await ask('/health')
    expect(status).toBe(200)
    const findings = body['findings'] as readonly Readonly<{ check: string; outcome: string }>[]
    expect(findings.find(({ check }) => check === 'migrations')).toMatchObject({ outcome: 'ok' })
    expect((await ask('/health', { method: 'POST' })).status).toBe(405)
  })
})
