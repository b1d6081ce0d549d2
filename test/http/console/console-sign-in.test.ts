import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import {
  CONSOLE,
  CONSOLE_SETTINGS,
  createAdministrator,
  createConsoleBrowser,
  setRoles,
} from '../../support/pages/console-browser.ts'
import { headingOf } from '../../support/pages/person.ts'

describe('the sign-in to the console (docs/decisions/0058)', () => {
  let deployment: Deployment
  let first: Instance
  let second: Instance
  const { clock, advance, reset } = createClock()
  beforeAll(async () => {
    deployment = await openDeployment()
    const given = { environment: CONSOLE_SETTINGS, clock }
    first = await deployment.start(given)
    second = await deployment.start(given)
  })
  afterAll(() => deployment.close())

  const enter = async (role: 'signet:admin' | 'signet:viewer' = 'signet:admin') => {
    const email = await createAdministrator(deployment, first, role)
    const browser = createConsoleBrowser([first, second])
    const page = await browser.signIn(email, '/console/accounts')
    expect([page.status, page.address, headingOf(page)]).toEqual([
      200,
      `${CONSOLE}/console/accounts`,
      'Accounts',
    ])
    return { browser, email, page }
  }

  it('leads over the pages of the issuer and back to the page that was asked for, by way of two instances', async () => {
    const { browser, email, page } = await enter()
    expect(page.text).toContain(email)
    const again = await browser.open('/console/accounts')
    expect(again.status).toBe(200)
  })

  it('tells a person without a role which account they are signed in with, and ends the sign-in when they leave', async () => {
    const email = newEmail()
    await signUp(first, email)
    const browser = createConsoleBrowser([first])
    const page = await browser.signIn(email)
    expect([page.status, headingOf(page)]).toEqual([403, 'This account does not administer Signet'])
    expect(page.text).toContain(email)
    const kept = browser.jar.get('signet-console') ?? ''
    expect(headingOf(await browser.submit(page, '/console/sign-out'))).toBe(
      'You are signed out of the console',
    )
    browser.jar.set('signet-console', kept)
    expect(headingOf(await browser.open('/console'))).toBe('You are signed out of the console')
  })

  it('judges the role of the person anew at each page', async () => {
    const { browser, email } = await enter()
    await setRoles(deployment, email, ['user'])
    expect((await browser.open('/console/accounts')).status).toBe(403)
    await setRoles(deployment, email, ['user', 'signet:viewer'])
    expect((await browser.open('/console/accounts')).status).toBe(200)
  })

  it('refreshes an access token that has expired, in two tabs at once', async () => {
    const { browser, email } = await enter()
    advance(871)
    const both = await Promise.all([browser.open('/console/accounts'), browser.open('/console/sign-ins')])
    expect(both.map(({ status }) => status)).toEqual([200, 200])
    expect((await browser.open('/console/accounts')).status).toBe(200)
    reset()
    const families = await deployment.database.run(
      sql => sql`
        select f.generation, f.revoked_at from signet.refresh_families f
        join signet.users u on u.id = f.user_id
        where u.email = ${email} and f.client_id = 'signet-console'`,
    )
    expect([...families]).toEqual([{ generation: 1, revoked_at: null }])
  })

  it('lets both of two tabs finish that have begun to sign in', async () => {
    const email = await createAdministrator(deployment, first, 'signet:admin')
    const browser = createConsoleBrowser([first])
    const [one, other] = [await browser.open('/console/accounts'), await browser.open('/console/sign-ins')]
    const page = await browser.follow(one)
    const action = /<form method="post" action="([^"]*)"/.exec(page.text)?.[1] ?? ''
    const signedIn = await browser.follow(
      await browser.submit(page, action.replaceAll(/&#(\d+);/g, '&'), { email, password: PASSWORD }),
    )
    expect(signedIn.address).toBe(`${CONSOLE}/console/accounts`)
    expect((await browser.follow(other)).address).toBe(`${CONSOLE}/console/sign-ins`)
  })

  it('is over with the browser session of the issuer', async () => {
    const { browser } = await enter()
    const page = await browser.open(`${ISSUER}/account`)
    await browser.submit(page, '/logout', { decision: 'allow' })
    const shown = await browser.open('/console/accounts')
    expect([shown.status, headingOf(shown)]).toEqual([401, 'You are signed out of the console'])
  })

  describe('against others', () => {
    const statusOf = async (work: Promise<Readonly<{ status: number }>>) => (await work).status

    it('refuses a form of the public origin, whose browser sends the same cookies, and the person stays signed in', async () => {
      const { browser, page } = await enter()
      const signOut = (headers: Readonly<Record<string, string>>) =>
        statusOf(browser.submit(page, '/console/sign-out', {}, headers))
      expect(await signOut({ origin: ISSUER, 'sec-fetch-site': 'same-site' })).toBe(403)
      expect(await signOut({ origin: 'null' })).toBe(403)
      expect(await signOut({ origin: 'http://127.0.0.1:9090' })).toBe(403)
      expect(await signOut({ 'sec-fetch-site': 'cross-site' })).toBe(403)
      expect(await statusOf(browser.open('/console/accounts'))).toBe(200)
    })

    it('lets a page of another origin load nothing, and lead a person here by a link', async () => {
      const { browser } = await enter()
      const open = (site: string, dest: string) =>
        statusOf(browser.open('/console/events/export', { 'sec-fetch-site': site, 'sec-fetch-dest': dest }))
      expect([await open('same-site', 'image'), await open('cross-site', 'iframe')]).toEqual([403, 403])
      expect([await open('same-site', 'document'), await open('cross-site', 'document')]).toEqual([200, 200])
      expect([await open('none', 'document'), await open('same-origin', 'empty')]).toEqual([200, 200])
    })

    it('refuses a form of another sign-in, and one without its token', async () => {
      const { browser, page } = await enter()
      const other = await enter()
      expect((await other.browser.submit(page, '/console/sign-out')).status).toBe(400)
      expect((await browser.post(`${CONSOLE}/console/sign-out`, {})).status).toBe(400)
      expect(await statusOf(other.browser.open('/console/accounts'))).toBe(200)
      expect(await statusOf(browser.open('/console/accounts'))).toBe(200)
    })

    it('answers under the host of CONSOLE_URL alone', async () => {
      const { browser } = await enter()
      for (const host of ['evil.example', 'localhost', 'localhost:8080', '127.0.0.1:9090']) {
        const shown = await browser.open('/console/accounts', { host })
        expect([shown.status, headingOf(shown)]).toEqual([421, 'The console has another address'])
      }
    })

    it('takes no cookie that was changed, and none under another name', async () => {
      const { browser } = await enter()
      const sealed = browser.jar.get('signet-console') ?? ''
      for (const wrong of [`${sealed.slice(0, -3)}AAA`, sealed.slice(4), '', 'AQ']) {
        browser.jar.set('signet-console', wrong)
        const shown = await browser.open('/console/accounts')
        expect(shown.location).toMatch(/^http:\/\/localhost:8080\/authorize\?/)
      }
    })

    it('redeems no code that another browser has asked for', async () => {
      const { browser } = await enter()
      const stranger = createConsoleBrowser([first])
      const begun = await stranger.open('/console')
      const answer = await browser.open(begun.location ?? '')
      expect(answer.location).toMatch(/^http:\/\/localhost:9090\/console\/callback\?/)
      const shown = await browser.open(answer.location ?? '')
      expect([shown.status, headingOf(shown)]).toEqual([400, 'The sign-in was not finished'])
      expect(await statusOf(browser.open('/console/accounts'))).toBe(200)
    })

    it('has a client that no request at the token endpoint can be', async () => {
      const form = { grant_type: 'refresh_token', refresh_token: 'a', client_id: 'signet-console' }
      const guesses = [form, { ...form, client_secret: '' }, { ...form, client_secret: 'x'.repeat(43) }]
      for (const guess of guesses) expect((await first.token(guess)).status).toBe(401)
      const login = { email: newEmail(), password: PASSWORD, client_id: 'signet-console' }
      expect((await first.ask('/auth/login', { body: login })).status).toBe(422)
    })
  })
})
