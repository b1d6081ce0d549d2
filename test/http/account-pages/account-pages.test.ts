import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALIVE, lives, sidOf, signIn, signUp } from '../../support/accounts/account-api.ts'
import type { Answer } from '../../support/answer.ts'
import { API } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'
import {
  type CookieBrowser,
  createCookieBrowser,
  FOREIGN_FORM,
  sealedIn,
} from '../../support/pages/cookie-browser.ts'

const APP = {
  client_id: 'app',
  client_name: 'Field <Notes>',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://app.example/cb'],
  scope: 'openid profile email offline_access notes',
  audience: [API],
}
const OTHER = {
  ...APP,
  client_id: 'other',
  client_name: 'Other',
  redirect_uris: ['https://other.example/cb'],
}
const FIRST_PARTY = {
  client_id: 'first-party',
  token_endpoint_auth_method: 'none',
  first_party: true,
  grant_types: ['refresh_token'],
  scope: 'account',
}

describe.each(deployments)('the account page on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([APP, OTHER, FIRST_PARTY])
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  let people = 0
  const person = async () => {
    const browser = createCookieBrowser(signet)
    const email = `owner-${++people}@people.example`
    await browser.signUp(email)
    return { browser, email }
  }
  const another = async (email: string, headers: Readonly<Record<string, string>> = {}) => {
    const browser = createCookieBrowser(signet, headers)
    expect((await browser.signIn(email)).status).toBe(303)
    return browser
  }
  /** Sends a form of a page with its hidden field. */
  const act = async (
    browser: CookieBrowser,
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ) => {
    const request = accountSealIn(await browser.open(path), path)
    return browser.send(path, { request, ...fields }, headers)
  }
  const accountSealIn = ({ text }: Answer, path: string) => {
    const form = text.slice(text.indexOf(`action="${path}?`))
    return /name="request" value="([^"]+)"/.exec(form)?.[1] ?? ''
  }
  const userinfo = async (token: string) =>
    await signet.fetch('/userinfo', { headers: { authorization: `Bearer ${token}` } })
  const isLiving = async (token: string) => (await userinfo(token)).status === 200
  const sids = ({ text }: Answer) => [...text.matchAll(/name="end" value="([^"]+)"/g)].map(([, id]) => id)

  it.each(['/account', '/account/devices', '/account/applications'])(
    '%s is for a person who is signed in, and opened alone',
    async path => {
      const { status, headers } = await createCookieBrowser(signet).open(path)
      expect([status, headers.get('location')]).toEqual([303, expect.stringMatching(/^\/sign-in\?request=/)])
      const { browser, email } = await person()
      const page = await browser.open(path)
      expect([page.status, page.text]).toEqual([200, expect.stringContaining(email)])
      expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin')
      expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(page.text.match(/aria-current="page"/g)).toHaveLength(1)
    },
  )

  it('saves the profile that applications receive, and moves `updated_at` when it changes', async () => {
    const { browser } = await person()
    const { access_token } = await browser.authorize(signet, 'app', 'openid profile')
    const before = (await userinfo(access_token)).body
    const given = {
      name: ' Ada <b>Lovelace ',
      picture: 'https://img.example/a.png',
      zoneinfo: 'Europe/London',
    }
    const saved = await act(browser, '/account', given)
    expect([saved.status, saved.headers.get('location')]).toEqual([303, '/account?saved='])
    const page = await browser.open('/account?saved=')
    expect(page.text).toContain('Your profile is saved.')
    expect(page.text).toContain('<h1>Ada &#60;b&#62;Lovelace</h1>')
    const { body } = await userinfo(access_token)
    expect(body).toMatchObject({ ...given, name: 'Ada <b>Lovelace' })
    expect(Number(body['updated_at'])).toBeGreaterThanOrEqual(Number(before['updated_at']))
    await act(browser, '/account', {})
    expect((await userinfo(access_token)).body).not.toHaveProperty('name')
  })

  it('refuses each field that is wrong, beside it, and keeps what was typed', async () => {
    const { browser } = await person()
    const wrong = { name: 'x'.repeat(201), picture: 'http://img.example', locale: 'no tag', zoneinfo: 'Mars' }
    const page = await act(browser, '/account', { ...wrong, given_name: 'Ada' })
    expect(page.status).toBe(422)
    for (const name of Object.keys(wrong)) expect(page.text).toContain(`id="${name}-fault"`)
    expect(page.text).not.toContain('id="given_name-fault"')
    expect(page.text).toContain('value="Mars"')
    expect((await browser.open('/account')).text).not.toContain('value="Ada"')
  })

  it('lists every living sign-in, and ends the one that is named', async () => {
    const { browser, email } = await person()
    const mine = await browser.authorize(signet, 'app', 'openid')
    const away = await another(email, { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0' })
    const theirs = await away.authorize(signet, 'other', 'openid')
    const page = await browser.open('/account/devices')
    expect(page.text).toContain('Field &#60;Notes&#62; · 127.0.0.1')
    expect(page.text.match(/this device/g)).toHaveLength(1)
    expect(page.text).toContain('Firefox on Linux')
    const [last, first] = sids(page)
    const done = await act(browser, '/account/devices', { end: last ?? '' })
    expect([done.status, done.headers.get('location')]).toEqual([303, '/account/devices'])
    expect([await isLiving(mine.access_token), await isLiving(theirs.access_token)]).toEqual([true, false])
    expect(sids(await browser.open('/account/devices'))).toEqual([first])
    // The session of that browser would have opened it again without the person.
    expect((await away.open('/account')).status).toBe(303)
    await act(browser, '/account/devices', { end: first ?? '' })
    expect([await isLiving(mine.access_token), (await browser.open('/account')).status]).toEqual([false, 200])
  })

  it('lists the browsers in which the person is signed in to no application, and ends another one', async () => {
    const { browser, email } = await person()
    const stranger = await person()
    const user_agent = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0' }
    const away = await another(email, user_agent)
    const third = await another(email)
    const page = await browser.open('/account/devices')
    expect(page.text).toContain('Firefox on Linux')
    expect(page.text.match(/>No application · 127\.0\.0\.1/g)).toHaveLength(3)
    expect(page.text.match(/this device/g)).toHaveLength(1)
    // This browser has no button, and is signed out at the top of the page.
    const [, second = ''] = sids(page)
    expect(sids(page)).toHaveLength(2)
    await act(stranger.browser, '/account/devices', { end: second })
    expect((await away.open('/account')).status).toBe(200)
    await act(browser, '/account/devices', { end: second })
    const statuses = [away, third, browser].map(async each => (await each.open('/account')).status)
    expect(await Promise.all(statuses)).toEqual([303, 200, 200])
  })

  it('shows what one application opened from one browser as one sign-in, and ends all of it', async () => {
    const { browser, email } = await person()
    const mine = [
      await browser.authorize(signet, 'app', 'openid'),
      await browser.authorize(signet, 'app', 'openid offline_access'),
    ]
    const others = [
      await browser.authorize(signet, 'other', 'openid'),
      await (await another(email)).authorize(signet, 'app', 'openid'),
    ]
    const listed = sids(await browser.open('/account/devices'))
    expect(listed).toHaveLength(3)
    const [, , first] = listed
    const api = await signIn(signet, email)
    const { sessions } = (await signet.ask('/auth/sessions', { token: api.access_token })).body
    expect(sessions.map(({ id, current }) => [id, current])).toEqual([
      [sidOf(api), true],
      ...listed.map(id => [id, false]),
    ])
    await act(browser, '/account/devices', { end: first ?? '' })
    for (const { access_token } of mine) expect(await isLiving(access_token)).toBe(false)
    for (const { access_token } of others) expect(await isLiving(access_token)).toBe(true)
    expect(await lives(signet, api)).toEqual(ALIVE)
  })

  it('ends no sign-in of another person', async () => {
    const { browser } = await person()
    const stranger = await person()
    const theirs = await stranger.browser.authorize(signet, 'app', 'openid')
    const [sid = ''] = sids(await stranger.browser.open('/account/devices'))
    expect((await act(browser, '/account/devices', { end: sid })).status).toBe(303)
    expect((await act(browser, '/account/devices', { end: 'nothing' })).status).toBe(303)
    expect(await isLiving(theirs.access_token)).toBe(true)
  })

  it('ends every sign-in and every browser session but its own', async () => {
    const { browser, email } = await person()
    const bystander = await person()
    const mine = await browser.authorize(signet, 'app', 'openid')
    const away = await another(email)
    const theirs = await away.authorize(signet, 'app', 'openid offline_access')
    expect((await act(browser, '/account/devices', { end_others: 'yes' })).status).toBe(303)
    expect([await isLiving(mine.access_token), await isLiving(theirs.access_token)]).toEqual([true, false])
    expect(sids(await browser.open('/account/devices'))).toHaveLength(1)
    expect((await away.open('/account')).status).toBe(303)
    expect((await bystander.browser.open('/account')).status).toBe(200)
    expect((await act(browser, '/account/devices', { end_others: 'yes' })).status).toBe(303)
    expect((await browser.authorize(signet, 'app', 'openid')).access_token).toBeDefined()
  })

  it('ends the session of the pages with the others of the account API', async () => {
    const email = `both-${++people}@people.example`
    const { access_token } = await signUp(signet, email)
    const browser = await another(email)
    await signet.ask('/auth/sessions', { method: 'DELETE', token: access_token })
    expect((await browser.open('/account')).status).toBe(303)
    expect((await signet.ask('/auth/me', { token: access_token })).status).toBe(200)
  })

  it('withdraws a consent, which ends the sign-ins at that application alone', async () => {
    const { browser, email } = await person()
    const app = await browser.authorize(signet, 'app', 'openid profile notes')
    const other = await browser.authorize(signet, 'other', 'openid')
    const away = await (await another(email)).authorize(signet, 'app', 'openid offline_access')
    const page = await browser.open('/account/applications')
    expect(page.text).toContain('Field &#60;Notes&#62;')
    expect(page.text).toContain('notes')
    const done = await act(browser, '/account/applications', { withdraw: 'app' })
    expect([done.status, done.headers.get('location')]).toEqual([303, '/account/applications'])
    const living = [app, away, other].map(({ access_token }) => isLiving(access_token))
    expect(await Promise.all(living)).toEqual([false, false, true])
    const after = await browser.open('/account/applications')
    expect([after.text.includes('value="app"'), after.text.includes('value="other"')]).toEqual([false, true])
  })

  it('signs out by one button', async () => {
    const { browser } = await person()
    const request = sealedIn(await browser.open('/account'))
    const { status, headers } = await browser.send('/logout', { request, decision: 'allow' })
    expect([status, headers.get('location')]).toEqual([303, '/signed-out'])
    expect((await browser.open('/account')).status).toBe(303)
  })

  it('refuses a form of another site, of another person, without its field, and one for another purpose', async () => {
    const { browser } = await person()
    const stranger = await person()
    await browser.authorize(signet, 'app', 'openid')
    const fields = { withdraw: 'app' }
    const path = '/account/applications'
    expect((await act(browser, path, fields, FOREIGN_FORM)).status).toBe(403)
    const theirs = accountSealIn(await stranger.browser.open('/account'), '/account')
    for (const request of [theirs, '', sealedIn(await browser.open('/account'))])
      expect((await browser.send(path, { ...fields, request })).status).toBe(400)
    expect((await browser.open(path)).text).toContain('value="app"')
  })

  it('is in the language of the person, and stays so after a form', async () => {
    const { browser } = await person()
    const page = await browser.open('/account/devices?ui_locales=de')
    expect(page.text).toContain('Wo Sie angemeldet sind')
    const request = accountSealIn(page, '/account/devices')
    const { headers } = await browser.send('/account/devices?ui_locales=de', { request, end: 'x' })
    expect(headers.get('location')).toBe('/account/devices?ui_locales=de')
  })
})
