import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { newEmail } from '../../support/ask.ts'
import { askApp } from '../../support/bindings.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'
import { CONSOLE, type ConsoleBrowser, openConsole } from '../../support/pages/console-browser.ts'

describe('the stream of the console', () => {
  let deployment: Deployment
  let signet: Instance
  let browser: ConsoleBrowser
  beforeAll(async () => {
    ;({ deployment, signet, browser } = await openConsole('signet:viewer'))
  })
  afterAll(() => deployment.close())

  const ask = async (query: string, headers: Readonly<Record<string, string>> = {}) => {
    if (signet.internalApp === null) throw new Error('the internal listener is off')
    const cookie = `signet-console=${browser.jar.get('signet-console')}`
    const own = { host: new URL(CONSOLE).host, cookie, 'sec-fetch-site': 'same-origin' }
    return askApp(signet.internalApp, `/console/live${query}`, { headers: { ...own, ...headers } })
  }
  /** Reads until the stream has this text. */
  const readUntil = async ({ body }: Response, text: string): Promise<string> => {
    const reader = body?.getReader()
    let read = ''
    while (!read.includes(text)) {
      const { done, value } = (await reader?.read()) ?? { done: true }
      if (done) throw new Error(`the stream has ended: ${read}`)
      read += Buffer.from(value ?? []).toString()
    }
    await reader?.cancel()
    return read
  }

  it('is that of the API, for the person of the cookie, with the filters of the page', async () => {
    const stream = await ask('?kind=account.registered&from=2026-11-30&q=unknown')
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    expect(stream.headers.get('cache-control')).toBe('no-store')
    const { user } = await signUp(signet, newEmail())
    const told = await readUntil(stream, user.id)
    expect(told).not.toContain('sign_in.opened')
    const [, last = ''] = /id: (\d+)-[0-9a-f]{12}\ndata/.exec(told) ?? []
    const again = await ask('?kind=account.registered', { 'last-event-id': String(Number(last) - 1) })
    expect(await readUntil(again, user.id)).toContain(`id: ${last}-`)
  })

  it('is not opened for a page of another origin, nor for a person who is signed out, whom it sends nowhere', async () => {
    const foreign = await ask('', { 'sec-fetch-site': 'same-site' })
    expect(foreign.status).toBe(403)
    expect((await ask('', { host: 'evil.example' })).status).toBe(421)
    const signed_out = await ask('', { cookie: '' })
    expect([signed_out.status, signed_out.headers.get('location'), await signed_out.text()]).toEqual([
      401,
      null,
      '',
    ])
    expect((await browser.open('/console/events')).status).toBe(200)
  })

  it('says what the API refuses', async () => {
    expect((await ask('?kind=none')).status).toBe(422)
    expect((await ask('', { 'last-event-id': '99999999' })).status).toBe(410)
  })

  it('may be asked for by the pages of the console, and by no other page', async () => {
    const policy = 'content-security-policy'
    const page = await browser.open('/console/events?kind=account.registered')
    expect(page.headers.get(policy)).toContain("; connect-src 'self';")
    expect(page.text).toContain('data-live="/console/live?kind=account.registered"')
    for (const path of [
      '/console/events?from=2026-11-30T00:00:00Z',
      `/console/events?after=${crypto.randomUUID()}`,
    ])
      expect((await browser.open(path)).text).not.toContain('data-live="')
    const other = await signet.ask('/sign-in')
    expect(other.headers.get(policy)).not.toContain('connect-src')
  })
})
