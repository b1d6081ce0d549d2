import { decodeJwt } from 'jose'
import { uuidv7 } from 'uuidv7'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createEvents } from '../../src/store/events/events.ts'
import { makeDue, seedDelivery, waitingFor } from '../support/authorization/deliveries.ts'
import { hasPostgres } from '../support/backends.ts'
import { type Deployment, ISSUER, openServedDeployment } from '../support/deployment.ts'
import { becomesReady, openSandbox, type Sandbox, stopProgram } from '../support/process.ts'
import { openHookReceiver, replying } from '../support/services/hook-receiver.ts'
import { openReceiver, type Receiver } from '../support/services/receiver.ts'

const ALLOWED = { OUTBOUND_ALLOW: '127.0.0.1' }

describe.skipIf(!hasPostgres)('a server that is killed between a delivery and its mark', () => {
  let sandbox: Sandbox
  let receiver: Receiver
  let deployment: Deployment
  beforeEach(async () => {
    sandbox = await openSandbox()
    receiver = await openReceiver()
    deployment = await openServedDeployment([
      { client_id: 'app', token_endpoint_auth_method: 'none', backchannel_logout_uri: receiver.url('app') },
    ])
  })
  afterEach(async () => {
    await deployment.close()
    await receiver.close()
    await sandbox.close()
  })

  it('leaves the delivery to another instance, which delivers the same again', async () => {
    const { DATA_DIR: _, ...environment } = deployment.environment
    receiver.answerNext('app', 'hang')
    const { id } = await seedDelivery(deployment.database, 'app')
    const program = sandbox.start({ ...environment, ...ALLOWED, ISSUER })
    await expect.poll(() => receiver.at('app').length, { timeout: 30_000 }).toBe(1)
    await stopProgram(program, 'SIGKILL')
    // The claim is of the dead process until its time has passed.
    expect(await waitingFor(deployment.database, 'app')).toMatchObject([{ attempts: 1, is_due: false }])
    await makeDue(deployment.database, 'app')
    await deployment.start({ environment: ALLOWED })
    await receiver.waitFor('app', 2)
    await expect.poll(() => waitingFor(deployment.database, 'app'), { timeout: 10_000 }).toEqual([])
    expect(receiver.at('app').map(({ logout_token }) => decodeJwt(logout_token).jti)).toEqual([id, id])
  })

  it('leaves an event for the webhook to another instance, which sends the same again', async () => {
    const webhook = await openHookReceiver(() => {})
    onTestFinished(() => webhook.close())
    const { DATA_DIR: _, ...environment } = deployment.environment
    const settings = { ...ALLOWED, EVENTS_WEBHOOK_URL: webhook.url }
    const program = sandbox.start({ ...environment, ...settings, ISSUER })
    await becomesReady(program)
    const sub = uuidv7()
    await createEvents(deployment.database).write([{ kind: 'account.disabled', sub }])
    const aboutHer = () =>
      webhook.heard
        .map(({ body }) => JSON.parse(body) as Readonly<{ id: string; sub: string | null }>)
        .filter(event => event.sub === sub)
    await expect.poll(() => aboutHer().length, { timeout: 30_000 }).toBe(1)
    await stopProgram(program, 'SIGKILL')
    webhook.answerWith(replying(''))
    await makeDue(deployment.database, '')
    await deployment.start({ environment: settings })
    await expect.poll(() => waitingFor(deployment.database, ''), { timeout: 10_000 }).toEqual([])
    const [first, again, ...others] = aboutHer()
    expect([again?.id, others]).toEqual([first?.id, []])
  })
})
