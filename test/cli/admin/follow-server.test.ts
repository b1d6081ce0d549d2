import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openListener } from '../../../src/http/server/listener.ts'
import { createUnreadable } from '../../../src/http/server/malformed-requests.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import { signUp } from '../../support/accounts/account-api.ts'
import { administrationOf } from '../../support/accounts/administration.ts'
import { newEmail } from '../../support/ask.ts'
import { basic, CLIENTS, createPepperText } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createLog } from '../../support/effects.ts'
import { freePort } from '../../support/services/services.ts'
import { runSignetd, serveOnSocket } from './support.ts'

const SECRET = createPepperText()

describe('signetd events --follow at a server', { timeout: 30_000 }, () => {
  let deployment: Deployment
  let bystander: Instance
  let issuer: string
  let environment: Readonly<Record<string, string>>
  let internal: number
  const closers: (() => Promise<void>)[] = []

  beforeEach(async () => {
    const port = await freePort()
    internal = await freePort()
    issuer = `http://localhost:${port}`
    const grant_types = ['client_credentials']
    const common = { client_secret: SECRET, grant_types, audience: [issuer] }
    deployment = await openDeployment([
      ...CLIENTS,
      { ...common, client_id: 'watcher', scope: 'signet:viewer' },
      { ...common, client_id: 'operator', scope: 'signet:admin' },
    ])
    bystander = await deployment.start({ environment: { ISSUER: issuer } })
    const front = await serveOnSocket(port, request => bystander.listenable(request))
    closers.push(deployment.close, front.close)
    environment = {
      ISSUER: issuer,
      SIGNET_ADMIN_URL: `http://127.0.0.1:${internal}`,
      SIGNET_ADMIN_CLIENT_ID: 'watcher',
      SIGNET_ADMIN_CLIENT_SECRET: SECRET,
    }
  })
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  })

  /** An instance whose internal listener the command knows. */
  const start = async () => {
    const instance = await deployment.start({ environment: { ISSUER: issuer } })
    const { internalApp } = instance
    if (internalApp === null) throw new Error('the internal listener is off')
    const unreadable = createUnreadable({ random: systemRandom, log: createLog().log })
    const listener = await openListener(internalApp, { host: '127.0.0.1', port: internal }, unreadable)
    const stop = async () => {
      await instance.close()
      await listener.close({ idle_seconds: 0, finish_seconds: 0 })
    }
    return { instance, stop }
  }
  const untilFollowed = ({ askInternal }: Instance) =>
    expect
      .poll(async () => (await askInternal('/metrics')).text, { timeout: 10_000 })
      .toMatch(/^signet_event_followers 1$/m)

  it('goes on at the next server behind the last event, and ends when its client may no longer look', async () => {
    const first = await start()
    const lines: string[] = []
    const words = ['events', '--follow', '--json', '--kind', 'account.registered']
    const said = runSignetd(environment, words, undefined, lines)
    await untilFollowed(first.instance)
    const seen = [await signUp(bystander, newEmail()), await signUp(first.instance, newEmail())]
    await first.stop()
    const missed = await signUp(bystander, newEmail())
    const second = await start()
    closers.push(second.stop)
    await untilFollowed(second.instance)
    const last = await signUp(second.instance, newEmail())
    await expect.poll(() => lines.length, { timeout: 10_000 }).toBe(4)
    const { body } = await bystander.token({ grant_type: 'client_credentials' }, basic('operator', SECRET))
    // The one that issues tokens no longer knows the client.
    deployment.register(CLIENTS)
    await bystander.reload()
    const administration = administrationOf(second.instance, body.access_token)
    const ended = await administration('/revocations', { method: 'POST', body: { client_id: 'watcher' } })
    expect(ended.status).toBe(200)
    const { code, out } = await said
    const told = out.map(line => JSON.parse(line) as { sub?: string; refusal?: string; faults?: string[] })
    expect(told.slice(0, 4).map(({ sub }) => sub)).toEqual([...seen, missed, last].map(({ user }) => user.id))
    expect([told.length, code]).toEqual([5, 2])
  })
})
