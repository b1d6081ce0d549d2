import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet } from 'jose'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { verifyHook } from '../../../examples/hooks/verify-hook.mjs'
import { presentEvent } from '../../../src/domain/events/present-event.ts'
import { createEvents } from '../../../src/store/events/events.ts'
import { seedDelivery, waitingFor } from '../../support/authorization/deliveries.ts'
import { askApp } from '../../support/bindings.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { type HookReceiver, openHookReceiver, replying } from '../../support/services/hook-receiver.ts'
import { openReceiver, type Receiver } from '../../support/services/receiver.ts'
import { freePort } from '../../support/services/services.ts'

type Sent = Readonly<{ id: string; number: number; sub: string | null }>

describe('the webhook of the events', () => {
  let webhook: HookReceiver
  let clients: Receiver
  let deployment: Deployment
  let signet: Instance
  const start = async () =>
    deployment.start({
      environment: {
        OUTBOUND_ALLOW: '127.0.0.1',
        EVENTS_WEBHOOK_URL: webhook.url,
        INTERNAL_PORT: String(await freePort()),
      },
    })
  beforeAll(async () => {
    webhook = await openHookReceiver(replying(''))
    clients = await openReceiver()
    const backchannel_logout_uri = clients.url('shop')
    deployment = await openDeployment([
      { client_id: 'shop', token_endpoint_auth_method: 'none', backchannel_logout_uri },
    ])
    await write(randomUUID())
    await events().place()
    signet = await start()
  })
  afterAll(async () => {
    await deployment.close()
    await webhook.close()
    await clients.close()
  })

  const events = () => createEvents(deployment.database)
  const write = (...subs: readonly (string | null)[]) =>
    events().write(subs.map(sub => ({ kind: 'account.disabled', ...(sub === null ? {} : { sub }) })))
  const placedBehind = async (number: number) =>
    (await events().readStream({ number, tag: null }, 1000))?.events ?? []
  const sent = () => webhook.heard.map(({ body }) => JSON.parse(body) as Sent)
  const waiting = () => waitingFor(deployment.database, '')
  /** Ends the pauses, which stay short, and no claim. */
  const endPauses = () => deployment.database.sql`
    update deliveries set due_at = now(), attempts = 0
    where kind = 'event' and due_at <= now() + interval '20 seconds'`
  const nothingWaits = () =>
    expect
      .poll(
        async () => {
          await endPauses()
          await events().place()
          const behind = await deployment.database.sql`
            select from event_webhook w join event_head h on h.id = w.id where h.number > w.number`
          return behind.length + (await waiting()).length
        },
        { timeout: 20_000 },
      )
      .toBe(0)
  const linesAbout = (sub: string) => signet.lines.filter(line => line['sub'] === sub)
  const countOf = async (outcome: string) => {
    if (signet.internalApp === null) throw new Error('there is no internal listener')
    const text = await (await askApp(signet.internalApp, '/metrics')).text()
    const series = `signet_delivery_attempts_total{kind="event",outcome="${outcome}"} `
    return Number(
      text
        .split('\n')
        .find(line => line.startsWith(series))
        ?.slice(series.length),
    )
  }

  it('gets what happens, as the administration shows it, under a signature that the documented code verifies', async () => {
    const account = { email: 'ada@people.example', password: 'correct horse' }
    const { body } = await signet.ask('/auth/register', { method: 'POST', body: account })
    expect(body).toHaveProperty('access_token')
    await nothingWaits()
    const placed = await placedBehind(0)
    const expected = placed.map(event => JSON.parse(JSON.stringify(presentEvent(event))) as Sent)
    const registered = sent().filter(({ sub }) => sub !== null)
    expect(registered.length).toBeGreaterThan(1)
    // None of before the first start.
    expect(sent().toSorted((a, b) => a.number - b.number)).toEqual(expected.slice(1))
    const numbers = registered.map(({ number }) => number)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    const jwks = (await signet.fetch('/.well-known/jwks.json')).body
    const keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet)
    const jtis = new Set<unknown>()
    for (const { method, headers, body: text } of webhook.heard) {
      const signature = String(headers['signet-signature'])
      expect([method, headers['content-type']]).toEqual(['POST', 'application/json'])
      expect(await verifyHook(signature, text, { keys, url: webhook.url })).toEqual(JSON.parse(text))
      await expect(verifyHook(signature, `${text} `, { keys, url: webhook.url })).rejects.toThrow()
      jtis.add(decodeProtectedHeader(signature)['jti'])
    }
    expect(jtis.size).toBe(webhook.heard.length)
  })

  it('gets the events of a person in order from two instances while it refuses every second request', async () => {
    const accepted: Sent[] = []
    const accept: RequestListener = (request, response) => {
      const isTaken = webhook.heard.length % 2 === 0
      if (isTaken) accepted.push(sent().at(-1) ?? expect.fail())
      replying('', isTaken ? 200 : 503)(request, response)
    }
    webhook.answerWith(accept)
    const other = await start()
    onTestFinished(() => other.close())
    const people = Array.from({ length: 4 }, () => randomUUID())
    for (let round = 0; round < 5; round++) await write(...people, null)
    await nothingWaits()
    const placed = await placedBehind(0)
    for (const person of people) {
      const numbers = accepted.filter(({ sub }) => sub === person).map(({ number }) => number)
      // One that was taken may come again before its successor, never after it.
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
      const expected = placed.filter(({ sub }) => sub === person).map(({ number }) => number)
      expect([...new Set(numbers)]).toEqual(expected)
    }
    expect(new Set(accepted.filter(({ sub }) => sub === null).map(({ id }) => id)).size).toBe(5)
  })

  it.each([200, 202, 204])('has taken an event when it answers %i', async status => {
    const before = await countOf('failed')
    webhook.answerWith(replying('', status))
    await write(randomUUID())
    await nothingWaits()
    expect(await countOf('failed')).toBe(before)
  })

  it.each([400, 410, 307])('gets an event again when it answers %i, with the same id', async status => {
    const sub = randomUUID()
    webhook.answerWith(replying('', status, { location: '/elsewhere' }))
    await write(sub)
    await expect.poll(() => waiting(), { timeout: 10_000 }).toMatchObject([{ attempts: 1, is_due: false }])
    await expect
      .poll(() => linesAbout(sub))
      .toMatchObject([{ level: 'warn', delivery: 'event', reason: 'not_accepted', receiver_status: status }])
    webhook.answerWith(replying(''))
    await nothingWaits()
    const ids = sent()
      .filter(each => each.sub === sub)
      .map(({ id }) => id)
    expect([ids.length > 1, new Set(ids).size]).toEqual([true, 1])
  })

  it('delays nothing else while it hangs: the ends of sign-ins reach their clients', async () => {
    webhook.answerWith(() => {})
    const before = webhook.heard.length
    await write(...Array.from({ length: 40 }, () => randomUUID()))
    await expect.poll(() => webhook.heard.length, { timeout: 10_000 }).toBe(before + 16)
    await seedDelivery(deployment.database, 'shop')
    await clients.waitFor('shop', 1)
    await expect.poll(() => waitingFor(deployment.database, 'shop')).toEqual([])
    await signet.close()
    expect(await waiting()).toHaveLength(40)
  })

  it('gets what happened while no instance ran', async () => {
    webhook.answerWith(replying(''))
    const sub = randomUUID()
    await write(sub)
    signet = await start()
    await nothingWaits()
    expect(sent().filter(each => each.sub === sub)).toHaveLength(1)
  })

  it('loses an event after three days, with a line of the log and a count, and the event stays', async () => {
    const sub = randomUUID()
    const lost = await countOf('given_up')
    webhook.answerWith(replying('', 500))
    await write(sub)
    await expect.poll(() => linesAbout(sub), { timeout: 10_000 }).toMatchObject([{ level: 'warn' }])
    await deployment.database.sql`
      update deliveries set due_at = now(), expires_at = expires_at - interval '3 days' where user_id = ${sub}`
    await nothingWaits()
    expect(await countOf('given_up')).toBe(lost + 1)
    const [, line] = linesAbout(sub)
    expect(line).toMatchObject({ level: 'error', number: expect.any(Number) })
    const [event] = await placedBehind(Number(line?.['number']) - 1)
    expect(event).toMatchObject({ sub, number: line?.['number'] })
  })

  it('is nothing where no URL is set: no event waits for one', async () => {
    await signet.close()
    await deployment.database.sql`delete from event_webhook`
    const without = await deployment.start({ environment: { OUTBOUND_ALLOW: '127.0.0.1' } })
    await write(randomUUID())
    await seedDelivery(deployment.database, 'shop')
    await clients.waitFor('shop', 2)
    await without.close()
    expect(await deployment.database.sql`select from event_webhook`).toHaveLength(0)
    expect(await waiting()).toEqual([])
  })
})
