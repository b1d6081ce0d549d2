import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPostgres } from '../../support/backends.ts'
import { bindingsOf } from '../../support/bindings.ts'
import {
  type Deployment,
  type Instance,
  ISSUER,
  openEmbeddedDeployment,
  openServedDeployment,
} from '../../support/deployment.ts'

/** A person's browser without a script: it keeps cookies by path, and follows no redirect by itself. */
const openBrowser = (signet: Instance) => {
  const jar = new Map<string, Readonly<{ value: string; path: string }>>()
  const send = async (address: string, init: Omit<RequestInit, 'headers'>, own: Record<string, string>) => {
    const url = new URL(address, ISSUER)
    const cookie = [...jar]
      .filter(([, { path }]) => path === '/' || `${url.pathname}/`.startsWith(`${path}/`))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ')
    const request = new Request(url, { ...init, headers: { ...own, cookie } })
    const response = await signet.app.fetch(request, bindingsOf(request))
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = '', path = '/'] = /^([^=]+)=([^;]*); Path=([^;]+)/.exec(line) ?? []
      if (value === '') jar.delete(name)
      else jar.set(name, { value, path })
    }
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  return {
    get: (address: string) => send(address, {}, {}),
    submit: (address: string, fields: Record<string, string> = {}, origin = ISSUER) => {
      const body = new URLSearchParams(fields).toString()
      const content = {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(body.length),
      }
      return send(address, { method: 'POST', body }, { ...content, origin })
    },
    cookie: (name: string) => jar.get(name)?.value,
  }
}

type Browser = ReturnType<typeof openBrowser>
type Seen = Awaited<ReturnType<Browser['get']>>

const locationOf = ({ headers }: Seen) => headers.get('location') ?? ''
const sealedIn = ({ text }: Seen) => /name="request" value="([^"]+)"/.exec(text)?.[1] ?? ''
const headingOf = ({ text }: Seen) => /<h1>(.*)<\/h1>/.exec(text)?.[1] ?? ''
/** The claims of the tables, by name: of the ID token, then of the access token. */
const claimsIn = ({ text }: Seen) =>
  text
    .split('<table')
    .slice(1)
    .map(table => {
      const rows = table.matchAll(/<th scope="row"><code>(\w+)<\/code><\/th><td><code>([^<]*)<\/code>/g)
      return Object.fromEntries([...rows].map(([, name = '', value = '']) => [name, value]))
    })

describe('the demo application', () => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment([])
    signet = await deployment.start({ environment: { CLIENTS_FILE: '' } })
  })
  afterAll(() => deployment.close())

  const accountOf = ({ demo }: Instance) => {
    if (demo === null) throw new Error('the embedded default has a demo account')
    return demo.sign_in
  }

  /** From the button to the page that asks for consent. */
  const reachConsent = async (browser: Browser) => {
    const { email, password } = accountOf(signet)
    const begun = await browser.submit('/demo/sign-in')
    const entry = await browser.get(locationOf(await browser.get(locationOf(begun))))
    const signedIn = await browser.submit('/sign-in', { request: sealedIn(entry), email, password })
    return { begun, entry, consent: await browser.get(locationOf(signedIn)) }
  }

  /** The redirect back to the application, not yet followed. */
  const decide = async (browser: Browser, decision: 'allow' | 'deny') => {
    const { consent } = await reachConsent(browser)
    return locationOf(await browser.submit('/consent', { request: sealedIn(consent), decision }))
  }

  const signIn = async (browser: Browser) => {
    const back = await browser.get(await decide(browser, 'allow'))
    return browser.get(locationOf(back))
  }

  it('signs a person in, shows the claims, refreshes and signs out', async () => {
    const browser = openBrowser(signet)
    const { url, email } = accountOf(signet)
    const first = await browser.get(url)
    expect([first.status, headingOf(first)]).toEqual([200, 'Try signing in'])
    expect(first.headers.get('cache-control')).toBe('no-store')
    expect(first.text).toContain('Sign in with Signet')

    const { begun, entry, consent } = await reachConsent(browser)
    expect(begun.status).toBe(303)
    expect(entry.text).toContain(`value="${email}"`)
    expect(headingOf(consent)).toContain('Demo application')

    const decided = await browser.submit('/consent', { request: sealedIn(consent), decision: 'allow' })
    expect(locationOf(decided)).toMatch(`${ISSUER}/demo/callback?`)
    const back = await browser.get(locationOf(decided))
    expect([back.status, locationOf(back)]).toEqual([303, '/demo'])
    const shown = await browser.get('/demo')
    expect(headingOf(shown)).toBe('You are signed in')
    const [id, access] = claimsIn(shown)
    expect(id).toMatchObject({ iss: ISSUER, aud: 'demo-web', email, email_verified: 'true' })
    expect(access).toMatchObject({ iss: ISSUER, client_id: 'demo-web', sub: id?.['sub'], sid: id?.['sid'] })
    expect(shown.text).not.toMatch(/signet_rt_[\w-]{20}|eyJ/)

    const refreshed = await browser.submit('/demo/refresh')
    expect([refreshed.status, locationOf(refreshed)]).toEqual([303, '/demo'])
    const again = await browser.get('/demo')
    expect(again.text).toContain('The tokens are new')
    const [, next] = claimsIn(again)
    expect(next?.['sid']).toBe(access?.['sid'])
    expect(next?.['jti']).not.toBe(access?.['jti'])

    const left = await browser.submit('/demo/sign-out')
    expect(left.status).toBe(303)
    expect(browser.cookie('signet-demo')).toBeUndefined()
    expect(headingOf(await browser.get('/demo'))).toBe('Try signing in')
    const [ended] = await deployment.database.sql<{ revoke_reason: string | null }[]>`
      select revoke_reason from refresh_families where id = ${access?.['sid'] ?? ''}`
    expect(ended).toEqual({ revoke_reason: 'revoked' })
  })

  it('answers a refresh that is pressed twice with one living sign-in', async () => {
    const browser = openBrowser(signet)
    await signIn(browser)
    const both = await Promise.all([browser.submit('/demo/refresh'), browser.submit('/demo/refresh')])
    expect(both.map(({ status }) => status)).toEqual([303, 303])
    expect((await browser.get('/demo')).text).toContain('The tokens are new')
    await browser.submit('/demo/refresh')
    expect(headingOf(await browser.get('/demo'))).toBe('You are signed in')
  })

  it('answers a callback that is loaded twice at once with one living sign-in', async () => {
    const browser = openBrowser(signet)
    const answer = await decide(browser, 'allow')
    const both = await Promise.all([browser.get(answer), browser.get(answer)])
    expect(both.map(({ status }) => status)).toEqual([303, 303])
    await browser.submit('/demo/refresh')
    expect((await browser.get('/demo')).text).toContain('The tokens are new')
  })

  it('says what the server answered to a person who denies', async () => {
    const browser = openBrowser(signet)
    await browser.get(await decide(browser, 'deny'))
    const page = await browser.get('/demo')
    expect([headingOf(page), page.text]).toEqual([
      'Try signing in',
      expect.stringContaining('<code>access_denied</code>'),
    ])
  })

  it('says what the server answered to a refresh after the sign-in was ended elsewhere', async () => {
    const browser = openBrowser(signet)
    const [, access] = claimsIn(await signIn(browser))
    await deployment.database.sql`
      update refresh_families set revoked_at = now(), revoke_reason = 'signed_out' where id = ${access?.['sid'] ?? ''}`
    await browser.submit('/demo/refresh')
    expect((await browser.get('/demo')).text).toContain('<code>invalid_grant</code>')
  })

  it('keeps the tokens of a person who refreshes too often', async () => {
    const limited = await deployment.start({ environment: { CLIENTS_FILE: '', RATE_LIMIT_REFRESH: '1/60' } })
    const browser = openBrowser(limited)
    await signIn(browser)
    await browser.submit('/demo/refresh')
    await browser.submit('/demo/refresh')
    const page = await browser.get('/demo')
    expect([headingOf(page), page.text]).toEqual([
      'You are signed in',
      expect.stringContaining('<code>temporarily_unavailable</code>'),
    ])
  })

  it('takes no answer that was meant for another browser, another request or came from another server', async () => {
    const browser = openBrowser(signet)
    const answer = await decide(browser, 'allow')
    const stranger = openBrowser(signet)
    expect((await stranger.get(answer)).status).toBe(400)
    await stranger.submit('/demo/sign-in')
    expect((await stranger.get(answer)).status).toBe(400)
    for (const [name, value] of [
      ['state', 'another'],
      ['iss', 'https://evil.example'],
    ] as const) {
      const changed = new URL(answer)
      changed.searchParams.set(name, value)
      const refused = await browser.get(changed.href)
      expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('href="/demo"')])
    }
    // The code is still worth something in the browser that asked for it.
    expect((await browser.get(answer)).status).toBe(303)
    expect(headingOf(await browser.get('/demo'))).toBe('You are signed in')
    // Opened once more, by the back button, it redeems nothing.
    expect(locationOf(await browser.get(answer))).toBe('/demo')
    await browser.submit('/demo/refresh')
    expect(headingOf(await browser.get('/demo'))).toBe('You are signed in')
  })

  it('redeems no code of another sign-in: the verifier is that of the browser', async () => {
    const [mine, other] = [openBrowser(signet), openBrowser(signet)]
    const [answer, injected] = [new URL(await decide(mine, 'allow')), new URL(await decide(other, 'allow'))]
    answer.searchParams.set('code', injected.searchParams.get('code') ?? '')
    await mine.get(answer.href)
    expect((await mine.get('/demo')).text).toContain('<code>invalid_grant</code>')
    await other.get(injected.href)
    expect(headingOf(await other.get('/demo'))).toBe('You are signed in')
  })

  it('takes no ID token with another nonce', async () => {
    const browser = openBrowser(signet)
    const { email, password } = accountOf(signet)
    const asked = new URL(locationOf(await browser.submit('/demo/sign-in')))
    asked.searchParams.set('nonce', 'another')
    const entry = await browser.get(locationOf(await browser.get(asked.href)))
    const signedIn = await browser.submit('/sign-in', { request: sealedIn(entry), email, password })
    const consent = await browser.get(locationOf(signedIn))
    const decided = await browser.submit('/consent', { request: sealedIn(consent), decision: 'allow' })
    expect((await browser.get(locationOf(decided))).status).toBe(400)
    expect(headingOf(await browser.get('/demo'))).toBe('Try signing in')
  })

  it('refuses forms of other sites', async () => {
    const browser = openBrowser(signet)
    await signIn(browser)
    for (const path of ['/demo/sign-in', '/demo/refresh', '/demo/sign-out'])
      expect((await browser.submit(path, {}, 'https://evil.example')).status).toBe(403)
    expect(headingOf(await browser.get('/demo'))).toBe('You are signed in')
  })

  it('speaks the language that was chosen, through the flow and back', async () => {
    const browser = openBrowser(signet)
    expect(headingOf(await browser.get('/demo?ui_locales=de'))).toBe('Anmelden ausprobieren')
    const begun = await browser.submit('/demo/sign-in?ui_locales=de')
    expect(new URL(locationOf(begun)).searchParams.get('ui_locales')).toBe('de')
    const state = new URL(locationOf(begun)).searchParams.get('state') ?? ''
    const query = new URLSearchParams({ state, iss: ISSUER, error: 'access_denied' })
    expect(locationOf(await browser.get(`/demo/callback?${query.toString()}`))).toBe('/demo?ui_locales=de')
  })

  it('keeps its account and its password over a restart', async () => {
    const again = await deployment.start({ environment: { CLIENTS_FILE: '' } })
    expect(again.demo).toEqual(signet.demo)
    const rows = await deployment.database.sql`select id from users where email = ${accountOf(signet).email}`
    expect(rows).toHaveLength(1)
    const { email, password } = accountOf(again)
    const json = { 'content-type': 'application/json' }
    const body = JSON.stringify({ email, password })
    expect((await again.fetch('/auth/login', { method: 'POST', headers: json, body })).status).toBe(200)
  })
})

describe('where the demo application is not', () => {
  const expectNothing = async (deployment: Deployment, environment: Record<string, string>) => {
    try {
      const signet = await deployment.start({ environment })
      const browser = openBrowser(signet)
      expect(signet.demo).toBeNull()
      for (const path of ['/demo', '/demo/callback']) expect((await browser.get(path)).status).toBe(404)
      for (const path of ['/demo/sign-in', '/demo/refresh', '/demo/sign-out'])
        expect((await browser.submit(path)).status).toBe(404)
      expect((await browser.get('/authorize?client_id=demo-web&response_type=code')).status).toBe(400)
      const rows = await deployment.database.sql`select id from users where email = 'demo@example.com'`
      expect(rows).toHaveLength(0)
    } finally {
      await deployment.close()
    }
  }

  it('with a CLIENTS_FILE', async () => expectNothing(await openEmbeddedDeployment([]), {}))

  it.runIf(hasPostgres)('with a real Postgres', async () =>
    expectNothing(await openServedDeployment([]), { CLIENTS_FILE: '' }),
  )
})
