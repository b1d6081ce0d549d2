import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { newEmail, PASSWORD } from '../ask.ts'
import { serveAt } from '../authorization/person.ts'
import { API } from '../clients.ts'
import { openDeployment } from '../deployment.ts'
import { listen } from '../listen.ts'
import { freePort } from '../services/services.ts'
import { launchChromium, openContext } from './browser.ts'
import { openSlowFront } from './slow-front.ts'

/** signetd-browser as it is packed, in a directory of its own. */
export const openBrowserPackage = () => {
  const directory = mkdtempSync(join(tmpdir(), 'signetd-browser-'))
  const path = join(directory, 'signetd-browser')
  execFileSync(process.execPath, ['scripts/browser-package.mjs', path])

  /** Bundles a module that imports the packed library, as an application's bundler does. */
  const bundle = async (contents: string): Promise<string> => {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: process.cwd(), loader: 'jsx' },
      alias: {
        'signetd-browser/react': join(path, 'dist/react.js'),
        'signetd-browser': join(path, 'dist/browser.js'),
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
  return { path, bundle, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

type BrowserPackage = ReturnType<typeof openBrowserPackage>

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

/** A Signet, and the applications of the tests, which are served at one origin and driven in Chromium. */
export const openBrowserApplications = async (pack: BrowserPackage) => {
  const port = await freePort()
  // The site of the issuer, which the cookie of the account API needs.
  const origin = `http://localhost:${port}`
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
  const deployment = await openDeployment([spa, app])
  const front_port = await freePort()
  const issuer = `http://localhost:${front_port}`
  const signet = await listen(deployment, { environment: { ISSUER: issuer } })
  const front = await openSlowFront(front_port, signet.port)
  const refused = new Set<string>()
  const modules = new Map<string, string>()
  modules.set('/pages.js', await pack.bundle(PAGES_APPLICATION(issuer, origin)))
  modules.set('/account.js', await pack.bundle(ACCOUNT_APPLICATION(issuer)))
  modules.set('/react.js', await pack.bundle(REACT_APPLICATION(issuer, origin)))
  const close = await serveAt(port, ({ url = '', headers }, response) => {
    const { pathname } = new URL(url, origin)
    if (pathname === '/api') return answerApi(response, headers.authorization, refused)
    const module = modules.get(pathname)
    response.setHeader('content-type', module === undefined ? 'text/html' : 'text/javascript')
    response.end(module ?? pageOf(pathname))
  })
  // Playwright switches the back-forward cache off, which the browser of a person has.
  const browser = await launchChromium({ ignoreDefaultArgs: ['--disable-back-forward-cache'] })

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

  return {
    origin,
    signet,
    hold: front.hold,
    lose: front.lose,
    /** The tokens that the API of the application refuses. */
    refused,
    openBrowser,
    familyOf,
    close: async () => {
      await browser.close()
      await close()
      await front.close()
      await signet.close()
      await deployment.close()
    },
  }
}

export type BrowserApplications = Awaited<ReturnType<typeof openBrowserApplications>>

/** Opens an account on Signet's pages, to which the application has led the person. */
export const signUpByApplication = async (page: Page) => {
  const email = newEmail()
  await page.waitForURL(/\/sign-in/)
  await page.getByRole('link', { name: 'Create an account' }).click()
  await page.fill('[name=email]', email)
  await page.fill('[name=password]', PASSWORD)
  await page.getByRole('button', { name: 'Create account' }).click()
  return email
}

/** The same from the page at `path`, until the application knows the person. */
export const signUpOnPages = async (page: Page, path: string) => {
  await page.evaluate('void auth.signIn()')
  const email = await signUpByApplication(page)
  await page.waitForURL(/\/callback/)
  expect(await page.evaluate('auth.completeSignIn()')).toBe(path)
  return email
}

export const signUpByAccountApi = async (page: Page) => {
  const email = newEmail()
  await authStatusOf(page)
  await page.evaluate(`auth.signUp(${JSON.stringify({ email, password: PASSWORD })})`)
  return email
}

/**
 * Each way to sign in: the page that begins it, and where its tokens are renewed. Tabs without a lock take turns by a lease, which takes long:
 * only those of one way are ten.
 */
export const WAYS_TO_SIGN_IN = [
  {
    way: 'on the pages',
    path: '/',
    renewal: '/token',
    tabs_without_lock: 10,
    signUp: (page: Page) => signUpOnPages(page, '/'),
  },
  {
    way: 'by the account API',
    path: '/account',
    renewal: '/auth/refresh',
    tabs_without_lock: 3,
    signUp: signUpByAccountApi,
  },
] as const

/** A renewal: the token that the page has counts as refused. */
export const RENEW = 'auth.getToken().then(isRefused => auth.getToken({ isRefused }))'

export const authStatusOf = (page: Page) => page.evaluate('auth.ready().then(({ status }) => status)')
/** Asked by a timer: a page in the background draws no frames. */
export const becomesStatus = (page: Page, status: string) =>
  page.waitForFunction(`auth.state().status === '${status}'`, undefined, { polling: 50 })

/** Chromium drops a page from its cache whose lock another page asks for: a test in which one does so waits until none is held. */
export const becomesIdle = (page: Page) =>
  page.waitForFunction('navigator.locks.query().then(({ held }) => held.length === 0)', undefined, {
    polling: 50,
  })
/** Leads the page to one of the same server that has no library. */
export const leaveForTheCache = async (page: Page) => {
  await page.evaluate("addEventListener('pageshow', ({ persisted }) => { window.isRestored = persisted })")
  await page.goto(new URL('/api', page.url()).href)
}
/** Goes back to the page that was left, which the browser has kept whole. Where it has not, the assertion shows its reasons. */
export const comeBackFromTheCache = async (page: Page) => {
  // A page that is restored fires no load event.
  await page.goBack({ waitUntil: 'commit' })
  const restored =
    "({ isRestored: window.isRestored, reasons: performance.getEntriesByType('navigation')[0].notRestoredReasons })"
  const kept = { isRestored: true, reasons: null }
  await expect.poll(() => page.evaluate(restored), { timeout: 10_000 }).toEqual(kept)
}

export const tokenOf = (page: Page) => page.evaluate<string>('auth.getToken()')
