import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeDue, seedDelivery, waitingFor } from '../../support/authorization/deliveries.ts'
import { askApp } from '../../support/bindings.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { openReceiver, type Receiver } from '../../support/services/receiver.ts'
import { freePort } from '../../support/services/services.ts'

const NAMES = ['late', 'both', 'stopped', 'lost', 'gone', 'refused']

describe('deliveries to servers of clients', () => {
  let receiver: Receiver
  let deployment: Deployment
  let signet: Instance
  const clientOf = (client_id: string) => ({
    client_id,
    token_endpoint_auth_method: 'none',
    backchannel_logout_uri: receiver.url(client_id),
  })
  const named = () => ({
    client_id: 'named',
    token_endpoint_auth_method: 'none',
    backchannel_logout_uri: `https://localhost:${receiver.port}/named`,
  })
  const start = async () =>
    deployment.start({
      environment: { OUTBOUND_ALLOW: '127.0.0.1', INTERNAL_PORT: String(await freePort()) },
    })
  beforeAll(async () => {
    receiver = await openReceiver()
    deployment = await openDeployment(NAMES.map(clientOf))
    signet = await start()
  })
  afterAll(async () => {
    await deployment.close()
    await receiver.close()
  })

  const waiting = (receiver_id: string) => waitingFor(deployment.database, receiver_id)
  const nothingWaits = (client_id: string) =>
    expect.poll(() => waiting(client_id), { timeout: 10_000 }).toEqual([])
  const claimsAt = (client_id: string) =>
    receiver.at(client_id).map(({ logout_token }) => decodeJwt(logout_token))
  const linesAbout = (user_id: string) => signet.lines.filter(line => line['sub'] === user_id)
  const countOf = async (outcome: string) => {
    if (signet.internalApp === null) throw new Error('there is no internal listener')
    const text = await (await askApp(signet.internalApp, '/metrics')).text()
    const series = `signet_delivery_attempts_total{kind="backchannel_logout",outcome="${outcome}"} `
    return Number(
      text
        .split('\n')
        .find(line => line.startsWith(series))
        ?.slice(series.length),
    )
  }

  it('are tried again after a pause when the receiver fails, with the same jti and a fresh token', async () => {
    const failed = await countOf('failed')
    receiver.answerNext('late', 500, 400, 302)
    const { id, user_id, sid } = await seedDelivery(deployment.database, 'late')
    for (const attempts of [1, 2, 3]) {
      await receiver.waitFor('late', attempts)
      await expect.poll(() => countOf('failed')).toBe(failed + attempts)
      expect(await waiting('late')).toMatchObject([{ user_id, attempts, is_due: false }])
      await makeDue(deployment.database, 'late')
    }
    await nothingWaits('late')
    expect(claimsAt('late')).toMatchObject(Array.from({ length: 4 }, () => ({ jti: id, sub: user_id, sid })))
    expect(await countOf('failed')).toBe(failed + 3)
    expect(linesAbout(user_id)).toMatchObject([
      {
        level: 'warn',
        delivery: 'backchannel_logout',
        sub: user_id,
        reason: 'not_accepted',
        receiver_status: 500,
      },
    ])
  })

  it('arrive once each while two instances deliver and nothing fails', async () => {
    const other = await start()
    const seeded = await Promise.all(
      Array.from({ length: 25 }, () => seedDelivery(deployment.database, 'both')),
    )
    await nothingWaits('both')
    await other.close()
    const arrived = claimsAt('both').map(({ jti }) => String(jti))
    expect(arrived.toSorted()).toEqual(seeded.map(({ id }) => id).toSorted())
  })

  it('are put back by an instance that stops, at once', async () => {
    await signet.close()
    receiver.answerNext('stopped', 'hang')
    const { id } = await seedDelivery(deployment.database, 'stopped')
    const stopping = await start()
    await receiver.waitFor('stopped', 1)
    await stopping.close()
    expect(await waiting('stopped')).toMatchObject([{ attempts: 1, is_due: true }])
    signet = await start()
    await nothingWaits('stopped')
    expect(claimsAt('stopped').map(({ jti }) => jti)).toEqual([id, id])
  })

  it('are given up after a day', async () => {
    receiver.answerNext('lost', 500, 500)
    const { user_id } = await seedDelivery(deployment.database, 'lost')
    await expect.poll(() => linesAbout(user_id), { timeout: 10_000 }).toMatchObject([{ level: 'warn' }])
    const given_up = await countOf('given_up')
    await deployment.database.sql`
      update deliveries set due_at = now(), attempts = 20, expires_at = now() + interval '20 minutes'
      where receiver = 'lost'`
    await nothingWaits('lost')
    expect(await countOf('given_up')).toBe(given_up + 1)
    expect(linesAbout(user_id).map(line => line['level'])).toEqual(['warn', 'error'])
  })

  it('are dropped when the client is no longer registered for them, and those of others go on', async () => {
    const dropped = await countOf('dropped')
    deployment.register(NAMES.filter(name => name !== 'gone').map(clientOf))
    await signet.reload()
    await seedDelivery(deployment.database, 'gone')
    await nothingWaits('gone')
    expect([receiver.at('gone').length, await countOf('dropped')]).toEqual([0, dropped + 1])
    const { id } = await seedDelivery(deployment.database, 'both')
    await nothingWaits('both')
    expect(claimsAt('both').at(-1)?.jti).toBe(id)
  })

  it('reach no internal address that OUTBOUND_ALLOW does not name, by no name either', async () => {
    await signet.close()
    deployment.register([clientOf('refused')])
    await expect(deployment.start()).rejects.toThrow(/"refused": backchannel_logout_uri must be https/)
    deployment.register([named()])
    const { user_id } = await seedDelivery(deployment.database, 'named')
    signet = await deployment.start()
    const reason = expect.stringMatching(/^(?:address_refused|name_unresolved)$/)
    await expect.poll(() => linesAbout(user_id), { timeout: 10_000 }).toMatchObject([{ reason }])
    expect(receiver.received.map(({ client_id }) => client_id)).not.toContain('named')
  })
})
