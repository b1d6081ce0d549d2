import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
  client_name: 'Field Notes',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://app.example/cb'],
  post_logout_redirect_uris: ['https://app.example/bye?from=signet', 'com.example.app:/bye'],
  scope: 'openid email offline_access',
  audience: [API],
}
const OTHER = {
  ...APP,
  client_id: 'other',
  redirect_uris: ['https://other.example/cb'],
  post_logout_redirect_uris: ['https://other.example/bye'],
}
const BYE = 'https://app.example/bye?from=signet'

describe.each(deployments)('OpenID Connect RP-Initiated Logout on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([APP, OTHER])
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  let people = 0
  const person = async () => {
    const browser = createCookieBrowser(signet)
    const email = `leaver-${++people}@people.example`
    expect((await browser.signUp(email)).headers.get('location')).toBe('/account')
    const tokens = await browser.authorize(signet, 'app', 'openid email')
    const { id_token } = tokens
    if (typeof id_token !== 'string') throw new Error('no ID token')
    return { browser, email, tokens, id_token }
  }
  const logoutOf = (parameters: Readonly<Record<string, string>>) =>
    `/logout?${new URLSearchParams(parameters).toString()}`
  const locationOf = async (asked: Promise<Readonly<{ status: number; headers: Headers }>>) => {
    const { status, headers } = await asked
    return [status, headers.get('location')]
  }
  /** Whether the browser is signed in, by what the page of the sign-in does with it. */
  const isSignedIn = async (browser: CookieBrowser) => (await browser.open('/sign-in')).status === 303
  const isLiving = async (token: string) =>
    (await signet.fetch('/userinfo', { headers: { authorization: `Bearer ${token}` } })).status === 200

  it('§2 goes straight to the registered URI with `state`, and ends the session with what it opened', async () => {
    const { browser, id_token, tokens } = await person()
    const away = await browser.authorize(signet, 'other', 'openid offline_access')
    const bystander = await person()
    const asked = logoutOf({ id_token_hint: id_token, post_logout_redirect_uri: BYE, state: 'a&b' })
    expect(await locationOf(browser.open(asked))).toEqual([303, `${BYE}&state=a%26b`])
    expect(browser.cookies.has('signet-session')).toBe(false)
    expect(await isSignedIn(browser)).toBe(false)
    expect(await isLiving(tokens.access_token)).toBe(false)
    const refresh = { grant_type: 'refresh_token', refresh_token: away.refresh_token, client_id: 'other' }
    expect((await signet.token(refresh)).status).toBe(200)
    expect(await isSignedIn(bystander.browser)).toBe(true)
    expect(await isLiving(bystander.tokens.access_token)).toBe(true)
  })

  it('§2 ends the session in the store too: the cookie that the browser had opens nothing', async () => {
    const { browser, id_token } = await person()
    const stolen = browser.cookies.get('signet-session') ?? ''
    await browser.open(logoutOf({ id_token_hint: id_token, post_logout_redirect_uri: BYE }))
    const thief = createCookieBrowser(signet)
    thief.cookies.set('signet-session', stolen)
    expect(await isSignedIn(thief)).toBe(false)
  })

  it('§2 takes a hint that has expired, and one whose sign-in has ended', async () => {
    const { browser, id_token, tokens } = await person()
    await signet.post('/revoke', { token: tokens.access_token, client_id: 'app' })
    const later = await deployment.start({ clock: () => new Date(Date.now() + 7_200_000) })
    const late = createCookieBrowser(later)
    for (const [name, value] of browser.cookies) late.cookies.set(name, value)
    const asked = logoutOf({ id_token_hint: id_token, post_logout_redirect_uri: 'com.example.app:/bye' })
    expect(await locationOf(late.open(asked))).toEqual([303, 'com.example.app:/bye'])
  })

  it('§3 redirects without a page when the browser has no session, by a valid hint alone', async () => {
    const { id_token } = await person()
    const browser = createCookieBrowser(signet)
    const hinted = logoutOf({ id_token_hint: id_token, post_logout_redirect_uri: BYE })
    expect(await locationOf(browser.open(hinted))).toEqual([303, BYE])
    const named = logoutOf({ client_id: 'app', post_logout_redirect_uri: BYE })
    expect(await locationOf(browser.open(named))).toEqual([303, '/signed-out'])
    expect(await locationOf(browser.open('/logout'))).toEqual([303, '/signed-out'])
    expect((await browser.open('/signed-out')).text).toContain('You are signed out')
  })

  const forged = (token: string) => {
    const [head = '', , signature = ''] = token.split('.')
    const claims = Buffer.from(JSON.stringify({ iss: signet.issuer, sub: 'x', aud: 'app' }))
    return `${head}.${claims.toString('base64url')}.${signature}`
  }

  it.each<[string, (of: Awaited<ReturnType<typeof person>>) => Readonly<Record<string, string>>]>([
    ['without anything', () => ({})],
    ['without a URI', ({ id_token }) => ({ id_token_hint: id_token })],
    [
      'with a URI that is not registered',
      ({ id_token }) => ({
        id_token_hint: id_token,
        post_logout_redirect_uri: `${BYE}#`,
      }),
    ],
    [
      'with a URI of another client',
      ({ id_token }) => ({
        id_token_hint: id_token,
        post_logout_redirect_uri: 'https://other.example/bye',
      }),
    ],
    [
      'with a hint that is forged',
      ({ id_token }) => ({
        id_token_hint: forged(id_token),
        post_logout_redirect_uri: BYE,
      }),
    ],
    [
      'with an access token for a hint',
      ({ tokens }) => ({
        id_token_hint: tokens.access_token,
        post_logout_redirect_uri: BYE,
      }),
    ],
    [
      'with a client_id that is not the hint’s',
      ({ id_token }) => ({
        id_token_hint: id_token,
        client_id: 'other',
        post_logout_redirect_uri: 'https://other.example/bye',
      }),
    ],
  ])('§2 asks %s, and leads nowhere but to a page of ours', async (_, parametersOf) => {
    const given = await person()
    const { browser, email } = given
    const page = await browser.open(logoutOf(parametersOf(given)))
    expect([page.status, page.text]).toEqual([200, expect.stringContaining(email)])
    expect(await isSignedIn(browser)).toBe(true)
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self';")
    const form = { request: sealedIn(page), decision: 'allow' }
    expect(await locationOf(browser.send('/logout', form))).toEqual([303, '/signed-out'])
    expect(await isSignedIn(browser)).toBe(false)
  })

  it.each([
    ['the hint of another person', true],
    ['client_id and no hint', false],
  ])('§2 asks with %s, and goes to the registered URI once the person allows it', async (_, isHinted) => {
    const { id_token } = await person()
    const { browser } = await person()
    const from = isHinted ? { id_token_hint: id_token } : { client_id: 'app' }
    const asked = logoutOf({ ...from, post_logout_redirect_uri: BYE, state: 's' })
    const page = await browser.open(asked)
    expect([page.status, page.text]).toEqual([200, expect.stringContaining('Field Notes')])
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self' https://app.example ")
    const form = { request: sealedIn(page), decision: 'allow' }
    expect(await locationOf(browser.send('/logout', form))).toEqual([303, `${BYE}&state=s`])
    expect(await isSignedIn(browser)).toBe(false)
  })

  it('leads a person who stays to their account, signed in', async () => {
    const { browser, tokens } = await person()
    const form = { request: sealedIn(await browser.open('/logout')), decision: 'deny' }
    expect(await locationOf(browser.send('/logout', form))).toEqual([303, '/account'])
    expect(await isSignedIn(browser)).toBe(true)
    expect(await isLiving(tokens.access_token)).toBe(true)
  })

  it('refuses the form of another site, of another session, and a changed one', async () => {
    const one = await person()
    const other = await person()
    const request = sealedIn(await one.browser.open('/logout'))
    const form = { request, decision: 'allow' }
    expect((await one.browser.send('/logout', form, FOREIGN_FORM)).status).toBe(403)
    expect((await other.browser.send('/logout', form)).status).toBe(400)
    expect((await one.browser.send('/logout', { decision: 'allow' })).status).toBe(400)
    expect((await one.browser.send('/logout', { ...form, request: `Z${request.slice(1)}` })).status).toBe(400)
    expect([await isSignedIn(one.browser), await isSignedIn(other.browser)]).toEqual([true, true])
    expect((await one.browser.send('/logout', form)).status).toBe(303)
  })

  it('§2 works by POST, and sends a POST that has no cookies on to the same by GET', async () => {
    const { browser, id_token } = await person()
    const fields = { id_token_hint: id_token, post_logout_redirect_uri: BYE }
    const stranger = createCookieBrowser(signet)
    const [status, location] = await locationOf(stranger.send('/logout', fields, FOREIGN_FORM))
    expect([status, location]).toEqual([303, logoutOf(fields)])
    expect(await locationOf(browser.open(String(location)))).toEqual([303, BYE])
    const again = await person()
    const own = { id_token_hint: again.id_token, post_logout_redirect_uri: BYE }
    expect(await locationOf(again.browser.send('/logout', own))).toEqual([303, BYE])
  })

  it('refuses a parameter that is given twice, and what is too long, and does nothing for a prefetch', async () => {
    const { browser, id_token } = await person()
    const asked = logoutOf({ id_token_hint: id_token, post_logout_redirect_uri: BYE })
    expect((await browser.open(`${asked}&post_logout_redirect_uri=https://evil.example`)).status).toBe(400)
    expect((await browser.open(`${asked}&state=${'a'.repeat(6_144)}`)).status).toBe(400)
    expect((await browser.open(asked, { 'sec-purpose': 'prefetch' })).status).toBe(503)
    expect(await isSignedIn(browser)).toBe(true)
  })
})
