import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readServerSentEvents } from '../../../src/cli/admin/server-sent-events.ts'
import { createEvents } from '../../../src/store/events/events.ts'
import { signUp } from '../../support/accounts/account-api.ts'
import {
  ADMINISTERING,
  administrationBy,
  administrationOf,
  signUpWithRoles,
  tokenOfClient,
} from '../../support/accounts/administration.ts'
import { newEmail, times } from '../../support/ask.ts'
import { askApp } from '../../support/bindings.ts'
import { CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { CONSOLE_SETTINGS } from '../../support/pages/console-browser.ts'

type Told = Readonly<{ id: string; number: number; kind: string; request_id: string | null }>

describe('GET /admin/events?follow', { timeout: 30_000 }, () => {
  let deployment: Deployment
  let one: Instance
  let other: Instance
  let token: string
  const leave: (() => Promise<void>)[] = []
  beforeAll(async () => {
    deployment = await openDeployment([...CLIENTS, ...ADMINISTERING])
    one = await deployment.start({ environment: CONSOLE_SETTINGS })
    other = await deployment.start({ environment: CONSOLE_SETTINGS })
    token = await tokenOfClient(one, 'watcher')
  })
  afterAll(async () => {
    for (const each of leave) await each()
    await deployment.close()
  })

  type Asking = Readonly<{ query?: string; last?: string; token?: string; method?: string }>
  const ask = (instance: Instance, { query = '', last, method = 'GET', ...given }: Asking = {}) => {
    if (instance.internalApp === null) throw new Error('the internal listener is off')
    const headers = { authorization: `Bearer ${given.token ?? token}` }
    return askApp(instance.internalApp, `/admin/events?follow${query}`, {
      method,
      headers: last === undefined ? headers : { ...headers, 'last-event-id': last },
    })
  }
  /** An open stream, which is read an event at a time. */
  const follow = async (instance: Instance, asking: Asking = {}) => {
    const { status, headers, body } = await ask(instance, asking)
    if (status !== 200 || body === null) throw new Error(`no stream: ${status}`)
    const reader = body.getReader()
    const chunks = (async function* () {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        yield value
      }
    })()
    const told = readServerSentEvents(chunks, {
      heard: () => {},
      retry: () => {},
      passed: () => {},
    })
    const close = () => reader.cancel()
    leave.push(close)
    return {
      headers,
      close,
      next: async (): Promise<Told | null> => {
        const { done, value } = await told.next()
        if (done) return null
        const event = JSON.parse(value.data) as Told
        expect(value.id).toBe(positionOf(event))
        return event
      },
    }
  }
  const positionOf = ({ id, number }: Told) => `${number}-${id.slice(-12)}`
  type Stream = Awaited<ReturnType<typeof follow>>
  const kindsOf = async ({ next }: Stream, count: number) => {
    const kinds: unknown[] = []
    while (kinds.length < count) kinds.push((await next())?.kind)
    return kinds
  }
  const write = (request_id: string) =>
    createEvents(deployment.database).write([
      { kind: 'key.created', origin: { actor: null, ip: null, request_id } },
    ])

  it('is a stream that no cache and no proxy keeps, and tells of what happens at another instance', async () => {
    const stream = await follow(one)
    expect(stream.headers.get('content-type')).toBe('text/event-stream')
    expect(stream.headers.get('cache-control')).toBe('no-store')
    expect(stream.headers.get('x-accel-buffering')).toBe('no')
    await signUp(other, newEmail())
    expect(await kindsOf(stream, 2)).toEqual(['account.registered', 'sign_in.opened'])
    await stream.close()
    const head = await ask(one, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-type'), head.body]).toEqual([
      200,
      'text/event-stream',
      null,
    ])
  })

  it('shows an event as the list does, with its number', async () => {
    const stream = await follow(one)
    await signUp(one, newEmail())
    const told = await stream.next()
    await stream.close()
    const listed = await administrationOf(one, token)(`/events/${told?.id}`)
    expect(told).toEqual({ ...listed.body, number: told?.number })
  })

  it('has the filters of the list, and says how far it has read where they leave something out', async () => {
    const bystander = await follow(one)
    const filtered = await follow(one, { query: '&kind=sign_in.opened&outcome=succeeded' })
    const { user } = await signUp(one, newEmail())
    const about = await follow(one, { query: `&sub=${user.id}&after=${(await bystander.next())?.number}` })
    const opened = await filtered.next()
    expect(opened).toMatchObject({ kind: 'sign_in.opened', sub: user.id })
    expect(await about.next()).toEqual(opened)
    await signUp(one, newEmail())
    expect(await filtered.next()).toMatchObject({ kind: 'sign_in.opened' })
    for (const stream of [bystander, filtered, about]) await stream.close()
  })

  it.each([
    ['&follow=', '#/follow'],
    ['=yes', '#/follow'],
    ['&after=-1', '#/after'],
    ['&after=00000000-0000-7000-8000-000000000000', '#/after'],
    ['&from=2026-11-30T00:00:00Z', '#/from'],
    ['&limit=5', '#/limit'],
    ['&kind=sign_in.flown', '#/kind'],
  ])('names the parameter that is refused: %s', async (query, pointer) => {
    const { status, body } = await administrationOf(one, token)(`/events?follow${query}`)
    expect([status, body.errors?.map(error => error.pointer)]).toEqual([422, [pointer]])
  })

  it('refuses a Last-Event-ID that is none, and one that was never given', async () => {
    expect((await ask(one, { last: 'first' })).status).toBe(422)
    for (const last of ['1-', '1-0123456789AB', '-0123456789ab', '1-0123456789abc'])
      expect((await ask(one, { last })).status).toBe(422)
    const gone = await ask(one, { last: '999999999' })
    expect([gone.status, await gone.json()]).toMatchObject([410, { code: 'CURSOR_GONE' }])
  })

  it('refuses a place that another event had in a past that was lost, and takes that of the present', async () => {
    const stream = await follow(one)
    await write('of the present')
    const told = await stream.next()
    await stream.close()
    if (told === null) throw new Error('the stream has ended')
    await write('the next one')
    const lost = `${told.number}-${told.id.slice(-12).replace(/^./, digit => (digit === '0' ? '1' : '0'))}`
    for (const asking of [{ last: lost }, { query: `&after=${lost}` }]) {
      const gone = await ask(other, asking)
      expect([gone.status, await gone.json()]).toMatchObject([410, { code: 'CURSOR_GONE' }])
    }
    for (const asking of [{ last: positionOf(told) }, { query: `&after=${positionOf(told)}` }]) {
      const present = await follow(other, asking)
      expect(await present.next()).toMatchObject({ request_id: 'the next one' })
      await present.close()
    }
  })

  it('is for those who may see events, and ends for a person whose role was taken, or who was disabled', async () => {
    expect((await ask(one, { token: await tokenOfClient(one, 'reader') })).status).toBe(403)
    expect((await ask(one, { token: 'none' })).status).toBe(401)
    const admin = await administrationBy(one, 'operator')
    const bystander = await follow(one)
    for (const take of [
      (sub: string) => admin(`/accounts/${sub}`, { method: 'PATCH', body: { roles: ['user'] } }),
      (sub: string) => admin(`/accounts/${sub}/disable`, { method: 'POST' }),
    ]) {
      const { sub, tokens } = await signUpWithRoles(deployment, one, ['user', 'signet:viewer'])
      const stream = await follow(one, { token: tokens.access_token, query: '&kind=key.revoked' })
      expect((await take(sub)).status).toBe(200)
      expect(await stream.next()).toBeNull()
    }
    expect(await bystander.next()).not.toBeNull()
    await bystander.close()
  })

  it('is refused to the follower above the bound, with the time to come again, and the metrics count them', async () => {
    const streams: Stream[] = []
    for (const _ of times(20)) streams.push(await follow(one))
    const metrics = (await one.askInternal('/metrics')).text
    expect(metrics).toMatch(/^signet_event_followers 20$/m)
    expect(metrics).toMatch(/^signet_event_follower_behind_seconds 0/m)
    const refused = await ask(one)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    await (await follow(other)).close()
    await streams[0]?.close()
    await (await follow(one)).close()
    for (const stream of streams) await stream.close()
    expect((await one.askInternal('/metrics')).text).toMatch(/^signet_event_followers 0$/m)
  })

  it('tells every event once and in one order at two instances, whatever a reader that comes back has missed', async () => {
    const EVENTS = 200
    const names = times(EVENTS).map(index => `race ${index}`)
    const bystander = await follow(other)
    await write('a place to begin at')
    const begin = await bystander.next()
    expect(begin?.request_id).toBe('a place to begin at')
    const readAll = async (instances: readonly Instance[], breaksOff: () => boolean) => {
      const numbers: number[] = []
      const read: string[] = []
      let last = String(begin?.number)
      let stream = await follow(instances[0] ?? one, { last })
      for (let turn = 1; read.length < EVENTS; ) {
        const event = await stream.next()
        if (event?.request_id?.startsWith('race ')) {
          read.push(event.request_id)
          numbers.push(event.number)
          last = positionOf(event)
        }
        if (!breaksOff()) continue
        await stream.close()
        stream = await follow(instances[turn++ % instances.length] ?? one, { last })
      }
      await stream.close()
      return { numbers, read }
    }
    const reading = Promise.all([
      readAll([one], () => false),
      readAll([other], () => false),
      readAll([one, other], () => Math.random() < 0.1),
    ])
    // Several at once: they commit in another order than they began.
    const left = [...names]
    const writeOn = async (): Promise<void> => {
      const name = left.shift()
      if (name === undefined) return
      await write(name)
      return writeOn()
    }
    await Promise.all(times(4).map(writeOn))
    const [first, second, wanderer] = await reading
    expect(first.read.toSorted()).toEqual(names.toSorted())
    expect(first.numbers).toEqual(first.numbers.toSorted((a, b) => a - b))
    expect([second, wanderer]).toEqual([first, first])
    await bystander.close()
  })
})
