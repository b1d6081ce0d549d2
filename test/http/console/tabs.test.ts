import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshTokens, signUp } from '../../support/accounts/account-api.ts'
import { newEmail, times } from '../../support/ask.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import {
  CONSOLE_SETTINGS,
  createAdministrator,
  createConsoleBrowser,
} from '../../support/pages/console-browser.ts'
import { headingOf } from '../../support/pages/person.ts'

/** Each tab with what it shows of a server on which a person has signed up. */
const TABS = [
  ['/console', 'Overview', 'What changed last'],
  ['/console?hours=720', 'Overview', 'What changed last'],
  ['/console/sign-ins', 'Sign-ins', 'first-party'],
  ['/console/accounts', 'Accounts', '@'],
  ['/console/clients', 'Clients', 'client'],
  ['/console/keys', 'Signing keys', 'signing'],
  ['/console/events', 'Events', 'sign in opened'],
  ['/console/events?kind=account.registered', 'Events', 'account registered'],
  ['/console/health', 'Health', 'migrations'],
] as const

describe('every tab of the console', () => {
  let deployment: Deployment
  let signet: Instance
  let browser: ReturnType<typeof createConsoleBrowser>
  beforeAll(async () => {
    deployment = await openDeployment()
    signet = await deployment.start({ environment: CONSOLE_SETTINGS })
    browser = createConsoleBrowser([signet])
    await browser.signIn(await createAdministrator(deployment, signet, 'signet:viewer'), '/console/accounts')
    await signUp(signet, newEmail())
  })
  afterAll(() => deployment.close())

  it.each(TABS)('%s shows what the administration API answers', async (path, heading, shown) => {
    const page = await browser.visit(path)
    const faults = signet.lines.filter(({ message }) => message === 'unexpected error')
    expect(faults).toEqual([])
    expect(page.status).toBe(200)
    expect(headingOf(page)).toBe(heading)
    expect(page.text).toContain(shown)
    expect(page.text).not.toContain('does not offer')
  })

  it('shows all of a page or that the server is busy, however many people look at once', async () => {
    const pages = await Promise.all(times(20).map(() => browser.open('/console')))
    expect(pages.filter(({ status }) => status !== 200 && status !== 429)).toEqual([])
    expect(pages.filter(({ text }) => text.includes('does not offer'))).toEqual([])
    expect((await browser.visit('/console')).status).toBe(200)
  })

  it('plots what was counted, with a band where something did not work and a table behind each plot', async () => {
    const counting = await deployment.start()
    const tokens = await signUp(counting, newEmail())
    await refreshTokens(counting, tokens)
    await refreshTokens(counting, tokens)
    await counting.close()
    await deployment.database.run(
      sql => sql`
        insert into signet.activity (span, begins_at, instance, measure, label, count, expires_at)
        select
          'minute', date_trunc('minute', now()), gen_random_uuid(), 'degraded', 'redis_away', 1, now() + interval '1 hour'`,
    )
    for (const path of ['/console', '/console?hours=720']) {
      const { text, status } = await browser.visit(path)
      expect(status).toBe(200)
      expect(text).toMatch(/<svg class="plot"[\s\S]*aria-label="Refreshes by verdict/)
      expect(text).toContain('<polygon')
      expect(text).toMatch(/<details>[\s\S]*<table/)
    }
  })

  it.each([
    '/console/find?q=ada',
    '/console/find?q=127.0.0.1',
    '/console/find?q=',
    '/console/events?outcome=refused&from=2026-01-01T00:00:00Z',
    '/console/events?kind=sign_in.refused&client_id=first-party',
    '/console/accounts?role=signet:viewer',
    '/console/accounts?disabled=true',
    '/console/accounts?email_prefix=per',
    '/console/sign-ins?client_id=first-party',
    '/console/accounts/none',
    '/console/sign-ins/none',
    '/console/clients/none',
    '/console/events/none',
  ])('%s is a page of the console, whatever it finds', async path => {
    const page = await browser.visit(path)
    expect([200, 404, 422]).toContain(page.status)
    expect(page.text).toContain('</html>')
  })

  it('exports the events of a filter as JSON lines', async () => {
    const list = await browser.visit('/console/events?kind=account.registered')
    expect(list.text).toContain('/console/events/export?kind=account.registered')
    expect(list.text).toContain('signetd events --json --kind account.registered')
    const { status, text, headers } = await browser.open('/console/events/export?kind=account.registered')
    expect(status).toBe(200)
    expect(headers.get('content-disposition')).toBe('attachment; filename="events.jsonl"')
    const lines = text.trimEnd().split('\n')
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ kind: 'account.registered' })
    expect((await browser.open('/console/events/export?kind=none')).status).toBe(422)
  })

  it('shows one event, by the link of the list', async () => {
    const list = await browser.visit('/console/events?kind=sign_in.opened')
    const [, path = ''] = /href="(\/console\/events\/[\da-f-]{36})"/.exec(list.text) ?? []
    const page = await browser.visit(path)
    expect(page.status).toBe(200)
    expect(page.text).toContain('sign in opened')
    expect(page.text).toMatch(/aria-label="Details">\{\n &#34;amr&#34;: \[\n/)
  })
})
