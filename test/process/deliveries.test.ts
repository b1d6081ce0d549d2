import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeDue, seedDelivery, waitingFor } from '../support/authorization/deliveries.ts'
import { hasPostgres } from '../support/backends.ts'
import { type Deployment, ISSUER, openServedDeployment } from '../support/deployment.ts'
import { openSandbox, type Sandbox, stopProgram } from '../support/process.ts'
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
})
