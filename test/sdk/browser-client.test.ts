import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { serveAt } from '../support/authorization/person.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { type Listening, listen } from '../support/listen.ts'
import { launchChromium, openContext } from '../support/pages/browser.ts'
import { freePort } from '../support/services/services.ts'

const SIZE_MOST_BYTES = 6_000
const REACT_SIZE_MOST_BYTES = 1_500

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'signetd-browser-'))
  execFileSync(process.execPath, ['scripts/browser-package.mjs', join(directory, 'signetd-browser')])
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Bundles a module that imports the packed library, as an application's bundler does. */
const bundle = async (contents: string): Promise<string> => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd(), loader: 'jsx' },
    alias: {
      'signetd-browser/react': join(directory, 'signetd-browser/dist/react.js'),
      'signetd-browser': join(directory, 'signetd-browser/dist/browser.js'),
    },
    nodePaths: [join(process.cwd(), 'node_modules')],
    jsx: 'automatic',
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    ...(contents.includes('react-dom') ? {} : { external: ['react'] }),
  })
  return outputFiles.map(({ text }) => text).join('')
}

describe('the package', () => {
  it('is under 6 kB with gzip, and its React part under 1.5 kB', async () => {
    const whole = gzipSync(await bundle("export * from 'signetd-browser'")).length
    const react = gzipSync(await bundle("export * from 'signetd-browser/react'")).length
    expect(whole).toBeLessThan(SIZE_MOST_BYTES)
    expect(react).toBeLessThan(REACT_SIZE_MOST_BYTES)
  })

  it('leaves out what an application does not import', async () => {
    const account = await bundle("export { createAccountAuth } from 'signetd-browser'")
    const pages = await bundle("export { createPagesAuth } from 'signetd-browser'")
    expect([account.includes('/authorize'), account.includes('/auth/login')]).toEqual([false, true])
    expect([pages.includes('/authorize'), pages.includes('/auth/login')]).toEqual([true, false])
  })

  it('has no dependency, and types for both entries', () => {
    const manifest = JSON.parse(readFileSync(join(directory, 'signetd-browser/package.json'), 'utf8'))
    expect(manifest.dependencies).toBeUndefined()
    for (const { types } of [manifest.exports['.'], manifest.exports['./react']])
      expect(readFileSync(join(directory, 'signetd-browser', types), 'utf8')).toContain('export')
  })

  it('links to no page that it does not have', () => {
    const guide = readFileSync(join(directory, 'signetd-browser/README.md'), 'utf8')
    expect(guide).toContain('by the account API')
    expect([...guide.matchAll(/\]\((?!https?:|#)[^)]*\)/g)].map(([link]) => link)).toEqual([])
  })

  it('renders on a server as loading, and sends nothing', async () => {
    const { createPagesAuth } = await import(join(directory, 'signetd-browser/dist/browser.js'))
    // The packed file would look for React beside itself.
    const { AuthProvider, RequireAuth } = await import(join(process.cwd(), 'src/sdk/react.ts'))
    const auth = createPagesAuth({
      issuer: 'https://id.example',
      client_id: 'a',
      redirect_uri: 'https://a.example/cb',
    })
    const guarded = createElement(RequireAuth, { loading: 'One moment', onSignedOut: () => {} }, 'Secret')
    expect(renderToString(createElement(AuthProvider, { auth }, guarded))).toBe('One moment')
    expect(auth.state().status).toBe('loading')
  })
})

/** The applications of the tests: one module each, which the page at every path loads. */
const PAGES_APPLICATION = (issuer: string, origin: string) => `
import { createFetch, createPagesAuth } from 'signetd-browser'
const auth = createPagesAuth({
  issuer: '${issuer}',
  client_id: 'spa',
  redirect_uri: '${origin}/callback',
  post_logout_redirect_uri: '${origin}/goodbye',
})
Object.assign(window, { auth, apiFetch: createFetch(auth, { origins: ['${origin}'] }) })
`
const ACCOUNT_APPLICATION = (issuer: string) => `
import { createAccountAuth } from 'signetd-browser'
window.auth = createAccountAuth({ issuer: '${issuer}', client_id: 'app' })
`
const REACT_APPLICATION = (issuer: string, origin: string) => `
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createPagesAuth } from 'signetd-browser'
import { AuthProvider, RequireAuth, useAuth } from 'signetd-browser/react'
const auth = createPagesAuth({ issuer: '${issuer}', client_id: 'spa', redirect_uri: '${origin}/react/callback' })
window.auth = auth
const Name = () => <h1>Hello {useAuth().user.email}</h1>
if (location.pathname === '/react/callback') auth.completeSignIn().then(path => location.replace(path))
else createRoot(document.body).render(
  <StrictMode><AuthProvider auth={auth}><RequireAuth onSignedOut={() => auth.signIn()}><Name /></RequireAuth></AuthProvider></StrictMode>,
)
`

/** `/react` and `/account` and the paths below them have their own application; every other path has the one on Signet's pages. */
const pageOf = (pathname: string) => {
  const [, application = 'pages'] = /^\/(react|account)\b/.exec(pathname) ?? []
  return `<!doctype html><title>Notes</title><link rel="icon" href="data:,"><body></body><script type="module" src="/${application}.js"></script>`
}

/** The API of the application: it tells which token came, and refuses the tokens that a test names. */
const answerApi = (response: ServerResponse, authorization: string | undefined, refused: Set<string>) => {
  const token = authorization?.replace('Bearer ', '') ?? ''
  response.writeHead(refused.has(token) ? 401 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ token }))
}

describe.skipIf(inject('chromium') === null)('in Chromium', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let signet: Listening
  let browser: Browser
  let origin: string
  const refused = new Set<string>()
  const closers: (() => Promise<void>)[] = []
  const modules = new Map<string, string>()
  beforeAll(async () => {
    const port = await freePort()
    // The site of the issuer, which the cookie of the account API needs.
    origin = `http://localhost:${port}`
    const common = {
      token_endpoint_auth_method: 'none',
      first_party: true,
      redirect_uris: [`${origin}/callback`, `${origin}/react/callback`],
    }
    const spa = {
      ...common,
      client_id: 'spa',
      grant_types: ['authorization_code', 'refresh_token'],
      post_logout_redirect_uris: [`${origin}/goodbye`],
      scope: 'openid profile email offline_access',
      audience: [API],
    }
    const app = { ...common, client_id: 'app', grant_types: ['refresh_token'], audience: [API] }
    deployment = await openDeployment([spa, app])
    signet = await listen(deployment)
    const { issuer } = signet
    modules.set('/pages.js', await bundle(PAGES_APPLICATION(issuer, origin)))
    modules.set('/account.js', await bundle(ACCOUNT_APPLICATION(issuer)))
    modules.set('/react.js', await bundle(REACT_APPLICATION(issuer, origin)))
    const close = await serveAt(port, ({ url = '', headers }, response) => {
      const { pathname } = new URL(url, origin)
      if (pathname === '/api') return answerApi(response, headers.authorization, refused)
      const module = modules.get(pathname)
      response.setHeader('content-type', module === undefined ? 'text/html' : 'text/javascript')
      response.end(module ?? pageOf(pathname))
    })
    browser = await launchChromium()
    closers.push(() => browser.close(), close, signet.close)
  })
  afterAll(async () => {
    for (const close of closers) await close()
    await deployment.close()
  })

  /** A new browser, without a sign-in. */
  const openBrowser = async () => {
    const { context, open, complaints } = await openContext(browser)
    const openAt = async (path: string) => {
      const page = await open()
      await page.goto(origin + path)
      await page.waitForFunction('window.auth !== undefined')
      return page
    }
    return { context, open, openAt, complaints }
  }

  /** Opens an account on Signet's pages, to which the application has led the person. */
  const signUp = async (page: Page) => {
    const email = newEmail()
    await page.waitForURL(/\/sign-in/)
    await page.getByRole('link', { name: 'Create an account' }).click()
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', PASSWORD)
    await page.getByRole('button', { name: 'Create account' }).click()
    return email
  }

  /** The same from the page at `path`, until the application knows the person. */
  const signUpOnPages = async (page: Page, path: string) => {
    await page.evaluate('void auth.signIn()')
    const email = await signUp(page)
    await page.waitForURL(/\/callback/)
    expect(await page.evaluate('auth.completeSignIn()')).toBe(path)
    return email
  }

  const statusOf = (page: Page) => page.evaluate('auth.ready().then(({ status }) => status)')
  /** Asked by a timer: a page in the background draws no frames. */
  const becomes = (page: Page, status: string) =>
    page.waitForFunction(`auth.state().status === '${status}'`, undefined, { polling: 50 })
  const tokenOf = (page: Page) => page.evaluate<string>('auth.getToken()')

  const familyOf = async (email: string) => {
    const [family] = await deployment.database.run(
      sql => sql<{ generation: number; revoked_at: Date | null }[]>`
        select f.generation, f.revoked_at
        from signet.refresh_families f
        join signet.users u on u.id = f.user_id
        where u.email = ${email}`,
    )
    return family
  }

  it('signs a person in by redirect, keeps the sign-in across reloads, and signs out in every tab', async () => {
    const { context, openAt, complaints } = await openBrowser()
    const page = await openAt('/notes?open=7')
    expect(await statusOf(page)).toBe('signed-out')
    const email = await signUpOnPages(page, '/notes?open=7')
    expect(new URL(page.url()).search).toBe('')
    expect(await page.evaluate('auth.state().user')).toMatchObject({ email })
    await page.reload()
    await becomes(page, 'signed-in')
    const second = await openAt('/notes')
    await becomes(second, 'signed-in')
    expect(await second.evaluate('JSON.stringify([localStorage, sessionStorage])')).not.toContain(
      await tokenOf(second),
    )
    await page.evaluate('void auth.signOut()')
    await page.waitForURL(/\/goodbye/)
    await becomes(second, 'signed-out')
    expect(await second.evaluate('auth.getToken().catch(({ code }) => code)')).toBe('signed_out')
    expect((await familyOf(email))?.revoked_at).toBeInstanceOf(Date)
    // Signet's own session has ended, too; the library cannot know that it has, and asks for the password.
    const asked = second.waitForRequest(/\/authorize\?.*\bprompt=login\b/)
    await second.evaluate('void auth.signIn()')
    await asked
    await second.waitForURL(/\/sign-in/)
    expect(complaints).toEqual([])
    await context.close()
  })

  it('sends the token to the listed origins alone, and renews a token that the API refuses', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/')
    await signUpOnPages(page, '/')
    const first = await tokenOf(page)
    const sent = () => page.evaluate<{ token: string }>("apiFetch('/api').then(answer => answer.json())")
    expect(await sent()).toEqual({ token: first })
    refused.add(first)
    const second = (await sent()).token
    expect(second).not.toBe(first)
    expect(second).toBe(await tokenOf(page))
    const other = page.waitForRequest(/other/)
    await page.evaluate(`apiFetch('${signet.origin}/other', { mode: 'no-cors' })`)
    expect((await (await other).allHeaders())['authorization']).toBeUndefined()
    await context.close()
  })

  it('renews once for ten tabs that wake at the same time, and gives each a token', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/')
    const email = await signUpOnPages(page, '/')
    const others = await Promise.all(Array.from({ length: 9 }, () => openAt('/')))
    const tabs = [page, ...others]
    await Promise.all(tabs.map(tab => becomes(tab, 'signed-in')))
    const before = (await familyOf(email))?.generation ?? 0
    const tokens = await Promise.all(
      tabs.map(tab =>
        tab.evaluate<string>('auth.getToken().then(isRefused => auth.getToken({ isRefused }))'),
      ),
    )
    expect(tokens.every(token => token.startsWith('ey'))).toBe(true)
    expect(await familyOf(email)).toEqual({ generation: before + 1, revoked_at: null })
    await context.close()
  })

  it('answers ten tabs alike that renew at once without a lock or a channel', async () => {
    const { context, openAt } = await openBrowser()
    await context.addInitScript('delete Navigator.prototype.locks; delete window.BroadcastChannel')
    const page = await openAt('/')
    const email = await signUpOnPages(page, '/')
    const tabs = [page, ...(await Promise.all(Array.from({ length: 9 }, () => openAt('/'))))]
    await Promise.all(tabs.map(tab => becomes(tab, 'signed-in')))
    await Promise.all(
      tabs.map(tab => tab.evaluate('auth.getToken().then(isRefused => auth.getToken({ isRefused }))')),
    )
    await Promise.all(tabs.map(async tab => expect(await statusOf(tab)).toBe('signed-in')))
    expect((await familyOf(email))?.revoked_at).toBeNull()
    await context.close()
  })

  it('keeps the sign-in when every second answer is lost', async () => {
    const { context, openAt } = await openBrowser()
    let answers = 0
    await context.route('**/token', async route => {
      const response = await route.fetch()
      answers += 1
      await (answers % 2 === 1 ? route.abort() : route.fulfill({ response }))
    })
    const page = await openAt('/')
    const email = await signUpOnPages(page, '/')
    for (let round = 0; round < 3; round++) {
      const renew = 'auth.getToken().then(isRefused => auth.getToken({ isRefused }))'
      expect(await page.evaluate(`${renew}.catch(({ code }) => code)`)).toBe('network')
      expect(await page.evaluate(renew)).toMatch(/^ey/)
    }
    expect((await familyOf(email))?.revoked_at).toBeNull()
    await context.close()
  })

  it('keeps the sign-in without a connection, and goes on when it is back', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/')
    await signUpOnPages(page, '/')
    await context.setOffline(true)
    const renew = 'auth.getToken().then(isRefused => auth.getToken({ isRefused }))'
    expect(await page.evaluate(`${renew}.catch(({ code }) => code)`)).toBe('network')
    expect(await statusOf(page)).toBe('signed-in')
    await context.setOffline(false)
    expect(await page.evaluate(renew)).toMatch(/^ey/)
    await context.close()
  })

  it('signs in and renews on a machine whose clock is wrong by an hour', async () => {
    for (const hours of [-1, 1]) {
      const { context, openAt } = await openBrowser()
      await context.addInitScript(`const now = Date.now; Date.now = () => now() + ${hours} * 3600_000`)
      const page = await openAt('/')
      const email = await signUpOnPages(page, '/')
      const generation = (await familyOf(email))?.generation
      expect(await tokenOf(page)).toMatch(/^ey/)
      expect((await familyOf(email))?.generation).toBe(generation)
      await page.reload()
      expect(await statusOf(page)).toBe('signed-in')
      await context.close()
    }
  })

  it('finds out about a sign-out when a page comes back from the back-forward cache', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/')
    await signUpOnPages(page, '/')
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    const second = await openAt('/')
    await second.evaluate('void auth.signOut()')
    await second.waitForURL(/\/goodbye/)
    expect(await page.evaluate('auth.state().status')).toBe('signed-in')
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await becomes(page, 'signed-out')
    await context.close()
  })

  it('refuses a callback that this tab has not begun, of another server, or a second time', async () => {
    const { context, openAt } = await openBrowser()
    const reasonAt = async (query: string) => {
      const page = await openAt(`/callback?${query}`)
      return page.evaluate('auth.completeSignIn().catch(({ code, reason }) => [code, reason])')
    }
    const iss = encodeURIComponent(signet.issuer)
    expect(await reasonAt(`code=stolen&state=made-up&iss=${iss}`)).toEqual(['callback', undefined])
    const page = await openAt('/')
    await page.evaluate('void auth.signIn()')
    await page.waitForURL(/\/sign-in/)
    await page.goto(`${origin}/callback?code=stolen&state=made-up&iss=${iss}`)
    expect(await page.evaluate('auth.completeSignIn().catch(({ code }) => code)')).toBe('callback')
    expect(await statusOf(page)).toBe('signed-out')
    await context.close()
  })

  it('never goes back to another origin', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/')
    await page.evaluate("void auth.signIn({ return_to: 'https://evil.example/x' })")
    await signUp(page)
    await page.waitForURL(/\/callback/)
    expect(await page.evaluate('auth.completeSignIn()')).toBe('/')
    await context.close()
  })

  it('signs in by the account API with a cookie, and tells of wrong fields and a wrong password', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/account')
    expect(await statusOf(page)).toBe('signed-out')
    const email = newEmail()
    const call = (name: string, password: string) =>
      page.evaluate<unknown>(
        `auth.${name}(${JSON.stringify({ email, password })}).catch(({ code, reason, fields }) => ({ code, reason, fields: Object.keys(fields) }))`,
      )
    expect(await call('signUp', 'short')).toMatchObject({ code: 'refused', fields: ['password'] })
    await call('signUp', PASSWORD)
    expect(await page.evaluate('auth.state().user.email')).toBe(email)
    await page.reload()
    expect(await statusOf(page)).toBe('signed-in')
    expect(await page.evaluate('auth.state().user.email')).toBe(email)
    const tabs = [page, ...(await Promise.all([openAt('/account'), openAt('/account/b')]))]
    await Promise.all(tabs.map(tab => tab.reload()))
    for (const tab of tabs) expect(await statusOf(tab)).toBe('signed-in')
    await page.evaluate('auth.signOut()')
    for (const tab of tabs) await becomes(tab, 'signed-out')
    expect(await call('signIn', 'a wrong password')).toMatchObject({ code: 'refused' })
    await call('signIn', PASSWORD)
    for (const tab of tabs) await becomes(tab, 'signed-in')
    await context.close()
  })

  it("leads a visitor of React's guarded page to the sign-in once, and back, under StrictMode", async () => {
    const { context, open, complaints } = await openBrowser()
    const page = await open()
    const led: string[] = []
    page.on('request', request => {
      if (request.url().includes('/authorize?')) led.push(request.url())
    })
    await page.goto(`${origin}/react/orders`)
    const email = await signUp(page)
    await page.waitForURL(`${origin}/react/orders`)
    await page.getByRole('heading', { name: `Hello ${email}` }).waitFor()
    expect(led).toHaveLength(1)
    expect(complaints).toEqual([])
    await context.close()
  })
})
