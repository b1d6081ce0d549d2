import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { newEmail, PASSWORD, times } from '../support/ask.ts'
import {
  authStatusOf,
  type BrowserApplications,
  becomesIdle,
  becomesStatus,
  comeBackFromTheCache,
  leaveForTheCache,
  openBrowserApplications,
  openBrowserPackage,
  RENEW,
  signUpByAccountApi,
  signUpByApplication,
  signUpOnPages,
  tokenOf,
  WAYS_TO_SIGN_IN,
} from '../support/pages/browser-applications.ts'

const SIZE_MOST_BYTES = 6_000
const REACT_SIZE_MOST_BYTES = 1_500

let pack: ReturnType<typeof openBrowserPackage>
beforeAll(() => {
  pack = openBrowserPackage()
})
afterAll(() => pack.remove())

describe('the package', () => {
  it('is under 6 kB with gzip, and its React part under 1.5 kB', async () => {
    const whole = gzipSync(await pack.bundle("export * from 'signetd-browser'")).length
    const react = gzipSync(await pack.bundle("export * from 'signetd-browser/react'")).length
    expect(whole).toBeLessThan(SIZE_MOST_BYTES)
    expect(react).toBeLessThan(REACT_SIZE_MOST_BYTES)
  })

  it('leaves out what an application does not import', async () => {
    const account = await pack.bundle("export { createAccountAuth } from 'signetd-browser'")
    const pages = await pack.bundle("export { createPagesAuth } from 'signetd-browser'")
    expect([account.includes('/authorize'), account.includes('/auth/login')]).toEqual([false, true])
    expect([pages.includes('/authorize'), pages.includes('/auth/login')]).toEqual([true, false])
  })

  it('has no dependency, and types for both entries', () => {
    const manifest = JSON.parse(readFileSync(join(pack.path, 'package.json'), 'utf8'))
    expect(manifest.dependencies).toBeUndefined()
    for (const { types } of [manifest.exports['.'], manifest.exports['./react']])
      expect(readFileSync(join(pack.path, types), 'utf8')).toContain('export')
  })

  it('links to no page that it does not have', () => {
    const guide = readFileSync(join(pack.path, 'README.md'), 'utf8')
    expect(guide).toContain('by the account API')
    expect([...guide.matchAll(/\]\((?!https?:|#)[^)]*\)/g)].map(([link]) => link)).toEqual([])
  })

  it('renders on a server as loading, and sends nothing', async () => {
    const { createPagesAuth } = await import(join(pack.path, 'dist/browser.js'))
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

  it('throws its own error on a server that asks for a token, where there are no tabs', async () => {
    const { createAccountAuth } = await import(join(pack.path, 'dist/browser.js'))
    const auth = createAccountAuth({ issuer: 'http://127.0.0.1:9' })
    await expect(auth.getToken()).rejects.toMatchObject({ name: 'AuthError', code: 'network' })
    auth.dispose()
  })
})

describe.skipIf(inject('chromium') === null)('in Chromium', { timeout: 60_000 }, () => {
  let applications: BrowserApplications
  beforeAll(async () => {
    applications = await openBrowserApplications(pack)
  })
  afterAll(() => applications.close())

  const openBrowser = () => applications.openBrowser()
  const familyOf = (email: string) => applications.familyOf(email)

  it('signs a person in by redirect, keeps the sign-in across reloads, and signs out in every tab', async () => {
    const { context, openAt, complaints } = await openBrowser()
    const page = await openAt('/notes?open=7')
    expect(await authStatusOf(page)).toBe('signed-out')
    const email = await signUpOnPages(page, '/notes?open=7')
    expect(new URL(page.url()).search).toBe('')
    expect(await page.evaluate('auth.state().user')).toMatchObject({ email })
    await page.reload()
    await becomesStatus(page, 'signed-in')
    const second = await openAt('/notes')
    await becomesStatus(second, 'signed-in')
    expect(await second.evaluate('JSON.stringify([localStorage, sessionStorage])')).not.toContain(
      await tokenOf(second),
    )
    await page.evaluate('void auth.signOut()')
    await page.waitForURL(/\/goodbye/)
    await becomesStatus(second, 'signed-out')
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
    applications.refused.add(first)
    const second = (await sent()).token
    expect(second).not.toBe(first)
    expect(second).toBe(await tokenOf(page))
    const other = page.waitForRequest(/other/)
    await page.evaluate(`apiFetch('${applications.signet.origin}/other', { mode: 'no-cors' })`)
    expect((await (await other).allHeaders())['authorization']).toBeUndefined()
    await context.close()
  })

  describe.each(WAYS_TO_SIGN_IN)('signed in $way', ({ path, renewal, tabs_without_lock, signUp }) => {
    it('renews once for ten tabs that wake at the same time, and gives each a token', async () => {
      const { context, openAt } = await openBrowser()
      const page = await openAt(path)
      const email = await signUp(page)
      const tabs = [page, ...(await Promise.all(times(9).map(() => openAt(path))))]
      await Promise.all(tabs.map(tab => becomesStatus(tab, 'signed-in')))
      // A tab renews when it opens, and tells the others a moment later.
      const differing = async () => new Set(await Promise.all(tabs.map(tokenOf))).size
      await expect.poll(differing, { timeout: 10_000 }).toBe(1)
      const before = (await familyOf(email))?.generation ?? 0
      const old = JSON.stringify(await tokenOf(page))
      const answer = applications.hold(renewal)
      const asked = Promise.all(tabs.map(tab => tab.evaluate<string>(`auth.getToken({ isRefused: ${old} })`)))
      await answer.arrived
      const waiting = 'navigator.locks.query().then(({ pending }) => pending.length)'
      await expect.poll(() => page.evaluate(waiting), { timeout: 10_000 }).toBe(9)
      answer.release()
      expect(new Set(await asked).size).toBe(1)
      expect(await tokenOf(page)).toMatch(/^ey/)
      expect(JSON.stringify(await tokenOf(page))).not.toBe(old)
      expect(await familyOf(email)).toEqual({ generation: before + 1, revoked_at: null })
      await context.close()
    })

    it('answers tabs alike that renew at once without a lock or a channel', async () => {
      const { context, openAt } = await openBrowser()
      await context.addInitScript('delete Navigator.prototype.locks; delete window.BroadcastChannel')
      const page = await openAt(path)
      const email = await signUp(page)
      const tabs = [page, ...(await Promise.all(times(tabs_without_lock - 1).map(() => openAt(path))))]
      await Promise.all(tabs.map(tab => becomesStatus(tab, 'signed-in')))
      await Promise.all(tabs.map(tab => tab.evaluate(RENEW)))
      await Promise.all(tabs.map(async tab => expect(await authStatusOf(tab)).toBe('signed-in')))
      expect((await familyOf(email))?.revoked_at).toBeNull()
      await context.close()
    })

    it('gives the other tab the token of a renewal, also after the renewing tab was closed', async () => {
      const { context, openAt } = await openBrowser()
      const page = await openAt(path)
      const email = await signUp(page)
      const other = await openAt(path)
      await becomesStatus(other, 'signed-in')
      const before = (await familyOf(email))?.generation ?? 0
      const renewed = await page.evaluate<string>(RENEW)
      await expect.poll(() => tokenOf(other), { timeout: 10_000 }).toBe(renewed)
      expect((await familyOf(email))?.generation).toBe(before + 1)
      await page.close()
      expect(await other.evaluate(RENEW)).toMatch(/^ey/)
      expect(await familyOf(email)).toEqual({ generation: before + 2, revoked_at: null })
      await context.close()
    })

    it('keeps the sign-in when every second answer is lost', async () => {
      const { context, openAt } = await openBrowser()
      const page = await openAt(path)
      const email = await signUp(page)
      for (let round = 0; round < 3; round++) {
        applications.lose(renewal)
        expect(await page.evaluate(`${RENEW}.catch(({ code }) => code)`)).toBe('network')
        expect(await authStatusOf(page)).toBe('signed-in')
        expect(await page.evaluate(RENEW)).toMatch(/^ey/)
      }
      applications.lose(renewal)
      await page.reload()
      await becomesStatus(page, 'signed-in')
      expect((await familyOf(email))?.revoked_at).toBeNull()
      await context.close()
    })

    it('keeps the sign-in without a connection, and goes on when it is back', async () => {
      const { context, openAt } = await openBrowser()
      const page = await openAt(path)
      await signUp(page)
      await context.setOffline(true)
      expect(await page.evaluate(`${RENEW}.catch(({ code }) => code)`)).toBe('network')
      expect(await authStatusOf(page)).toBe('signed-in')
      await context.setOffline(false)
      expect(await page.evaluate(RENEW)).toMatch(/^ey/)
      await context.close()
    })

    it.each([-1, 1])('signs in and renews on a machine whose clock is wrong by %i h', async hours => {
      const { context, openAt } = await openBrowser()
      await context.addInitScript(`const now = Date.now; Date.now = () => now() + ${hours} * 3600_000`)
      const page = await openAt(path)
      const email = await signUp(page)
      const generation = (await familyOf(email))?.generation ?? 0
      expect(await tokenOf(page)).toMatch(/^ey/)
      expect((await familyOf(email))?.generation).toBe(generation)
      await page.reload()
      expect(await authStatusOf(page)).toBe('signed-in')
      expect(await page.evaluate(RENEW)).toMatch(/^ey/)
      expect(await familyOf(email)).toEqual({ generation: generation + 2, revoked_at: null })
      await context.close()
    })

    it('finds out about a sign-out when a page comes back from the back-forward cache', async () => {
      const { context, openAt } = await openBrowser()
      const page = await openAt(path)
      const email = await signUp(page)
      await becomesIdle(page)
      await leaveForTheCache(page)
      const second = await openAt(path)
      await second.evaluate('void auth.signOut()')
      await expect.poll(async () => (await familyOf(email))?.revoked_at, { timeout: 10_000 }).not.toBeNull()
      await comeBackFromTheCache(page)
      await becomesStatus(page, 'signed-out')
      await context.close()
    })

    it('renews once when a page comes back from the back-forward cache with an expired token', async () => {
      const { context, openAt } = await openBrowser()
      const page = await openAt(path)
      const email = await signUp(page)
      const old = await tokenOf(page)
      await page.evaluate('{ const later = performance.now() + 3600_000; performance.now = () => later }')
      await becomesIdle(page)
      await leaveForTheCache(page)
      const second = await openAt(path)
      await second.evaluate(RENEW)
      const before = (await familyOf(email))?.generation ?? 0
      await comeBackFromTheCache(page)
      const renewed = await tokenOf(page)
      expect(renewed).not.toBe(old)
      await expect.poll(() => tokenOf(second), { timeout: 10_000 }).toBe(renewed)
      expect(await tokenOf(page)).toBe(renewed)
      expect(await familyOf(email)).toEqual({ generation: before + 1, revoked_at: null })
      await context.close()
    })

    it('finds out about a sign-out that overtook the renewal with which the page left', async () => {
      const { context, openAt } = await openBrowser()
      const page = await openAt(path)
      const email = await signUp(page)
      const second = await openAt(path)
      await becomesStatus(second, 'signed-in')
      const answer = applications.hold(renewal)
      await page.evaluate(`void ${RENEW}.catch(() => {})`)
      await answer.arrived
      await leaveForTheCache(page)
      // A page that loads after the sign-out would ask for the lock of the page that left, which Chromium then drops from the cache.
      await context.route('**/logout?*', route => route.fulfill({ status: 204 }))
      await second.evaluate('void auth.signOut()')
      await expect.poll(async () => (await familyOf(email))?.revoked_at, { timeout: 10_000 }).not.toBeNull()
      await comeBackFromTheCache(page)
      answer.release()
      await becomesStatus(page, 'signed-out')
      await context.close()
    })

    it('is signed out in a page that comes back, also where the server never heard of the sign-out', async () => {
      const { context, openAt } = await openBrowser()
      const page = await openAt(path)
      await signUp(page)
      await becomesIdle(page)
      await leaveForTheCache(page)
      const second = await openAt(path)
      await context.route(/\/(?:revoke|auth\/logout)$/, route => route.abort())
      await context.route('**/logout?*', route => route.fulfill({ status: 204 }))
      await second.evaluate('void auth.signOut().catch(() => {})')
      await becomesStatus(second, 'signed-out')
      await comeBackFromTheCache(page)
      await becomesStatus(page, 'signed-out')
      await page.reload()
      expect(await authStatusOf(page)).toBe('signed-out')
      await context.close()
    })
  })

  it('refuses a callback that this tab has not begun, of another server, or a second time', async () => {
    const { context, openAt } = await openBrowser()
    const reasonAt = async (query: string) => {
      const page = await openAt(`/callback?${query}`)
      return page.evaluate('auth.completeSignIn().catch(({ code, reason }) => [code, reason])')
    }
    const iss = encodeURIComponent(applications.signet.issuer)
    expect(await reasonAt(`code=stolen&state=made-up&iss=${iss}`)).toEqual(['callback', undefined])
    const page = await openAt('/')
    await page.evaluate('void auth.signIn()')
    await page.waitForURL(/\/sign-in/)
    await page.goto(`${applications.origin}/callback?code=stolen&state=made-up&iss=${iss}`)
    expect(await page.evaluate('auth.completeSignIn().catch(({ code }) => code)')).toBe('callback')
    expect(await authStatusOf(page)).toBe('signed-out')
    await context.close()
  })

  it('never goes back to another origin', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/')
    const returnFrom = async (return_to: string, leave: () => Promise<unknown>) => {
      await page.goto(applications.origin)
      await page.evaluate(`void auth.signIn({ return_to: ${JSON.stringify(return_to)} })`)
      await leave()
      await page.waitForURL(/\/callback/)
      return page.evaluate('auth.completeSignIn()')
    }
    const toOthers = ['https://evil.example/x', '/.//evil.example/x', `${applications.origin}//evil.example`]
    let leave = async (): Promise<unknown> => signUpByApplication(page)
    for (const return_to of [...toOthers, '//evil.example', '/\\evil.example', 'https://']) {
      expect([return_to, await returnFrom(return_to, leave)]).toEqual([return_to, '/'])
      leave = async () => {}
    }
    expect(await returnFrom(`${applications.origin}/notes?a=//b#//c`, leave)).toBe('/notes?a=//b#//c')
    await context.close()
  })

  it('signs in by the account API with a cookie, and tells of wrong fields and a wrong password', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/account')
    expect(await authStatusOf(page)).toBe('signed-out')
    const email = newEmail()
    const call = (name: string, password: string) =>
      page.evaluate<unknown>(
        `auth.${name}(${JSON.stringify({ email, password })}).catch(({ code, reason, fields }) => ({ code, reason, fields: Object.keys(fields) }))`,
      )
    expect(await call('signUp', 'short')).toMatchObject({ code: 'refused', fields: ['password'] })
    await call('signUp', PASSWORD)
    expect(await page.evaluate('auth.state().user.email')).toBe(email)
    await page.reload()
    expect(await authStatusOf(page)).toBe('signed-in')
    expect(await page.evaluate('auth.state().user.email')).toBe(email)
    const tabs = [page, ...(await Promise.all([openAt('/account'), openAt('/account/b')]))]
    await Promise.all(tabs.map(tab => tab.reload()))
    for (const tab of tabs) expect(await authStatusOf(tab)).toBe('signed-in')
    await page.evaluate('auth.signOut()')
    for (const tab of tabs) await becomesStatus(tab, 'signed-out')
    expect(await call('signIn', 'a wrong password')).toMatchObject({ code: 'refused' })
    await call('signIn', PASSWORD)
    for (const tab of tabs) await becomesStatus(tab, 'signed-in')
    await context.close()
  })

  it.each([
    ['a renewal', '/auth/refresh', RENEW],
    ['a sign-out', '/auth/logout', 'auth.signOut()'],
  ])('keeps a new person signed in when %s of the former one is answered late', async (_, path, call) => {
    const { context, openAt } = await openBrowser()
    const [former, next] = await Promise.all([openAt('/account'), openAt('/account/b')])
    const signUp = (tab: typeof former, email: string) =>
      tab.evaluate(`auth.signUp(${JSON.stringify({ email, password: PASSWORD })})`)
    await signUp(former, newEmail())
    await becomesStatus(next, 'signed-in')
    const answer = applications.hold(path)
    const late = former.evaluate(call)
    await answer.arrived
    const email = newEmail()
    const signedUp = signUp(next, email)
    // It waits for the answer, or has overtaken it.
    const isUnderWay = `navigator.locks.query().then(({ pending }) => pending.length > 0 || auth.state().user?.email === '${email}')`
    await expect.poll(() => next.evaluate(isUnderWay), { timeout: 10_000 }).toBe(true)
    answer.release()
    await Promise.all([late, signedUp])
    for (const tab of [former, next]) {
      await becomesStatus(tab, 'signed-in')
      await tab.reload()
      expect(await authStatusOf(tab)).toBe('signed-in')
      expect(await tab.evaluate('auth.state().user.email')).toBe(email)
    }
    await context.close()
  })

  it('leaves no living sign-in when a page signs out and closes at once, while a renewal is answered late', async () => {
    const { context, openAt } = await openBrowser()
    const other = await openAt('/account')
    const email = await signUpByAccountApi(other)
    const opened = context.waitForEvent('page')
    // A page that a script has opened may be closed by its own.
    await other.evaluate("void window.open('/account/b')")
    const page = await opened
    await page.waitForFunction("window.auth?.state().status === 'signed-in'", undefined, { polling: 50 })
    const answer = applications.hold('/auth/refresh')
    const late = other.evaluate(`${RENEW}.catch(({ code }) => code)`)
    await answer.arrived
    await page.evaluate('setTimeout(() => { void auth.signOut(); window.close() })')
    if (!page.isClosed()) await page.waitForEvent('close')
    await becomesStatus(other, 'signed-out')
    const endedAt = async () => (await familyOf(email))?.revoked_at
    await expect.poll(endedAt, { timeout: 10_000 }).toBeInstanceOf(Date)
    answer.release()
    expect(await late).toBe('signed_out')
    expect(await authStatusOf(other)).toBe('signed-out')
    // The late answer has brought a cookie back, which is dead, and nothing of the person.
    expect(await other.evaluate('JSON.stringify(localStorage)')).not.toContain(email)
    const next = await openAt('/account')
    expect(await next.evaluate('auth.ready()')).toEqual({ status: 'signed-out', user: null, error: null })
    expect((await context.cookies()).map(({ name }) => name)).not.toContain('signet-refresh')
    await context.close()
  })

  it.each([
    ['page of the application', (page: Page) => page.reload()],
    [
      'sign-in',
      (page: Page) =>
        page.evaluate(`auth.signUp(${JSON.stringify({ email: newEmail(), password: PASSWORD })})`),
    ],
  ])('sends a sign-out again with the next %s where the server never heard of it', async (_, come) => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/account')
    const email = await signUpByAccountApi(page)
    await context.setOffline(true)
    expect(await page.evaluate('auth.signOut().catch(({ code }) => code)')).toBe('network')
    expect(await authStatusOf(page)).toBe('signed-out')
    expect((await familyOf(email))?.revoked_at).toBeNull()
    await context.setOffline(false)
    await come(page)
    await authStatusOf(page)
    expect((await familyOf(email))?.revoked_at).toBeInstanceOf(Date)
    await context.close()
  })

  it('sends a sign-out again that a proxy before the server has refused', async () => {
    const { context, openAt } = await openBrowser()
    const page = await openAt('/account')
    const email = await signUpByAccountApi(page)
    const headers = {
      'access-control-allow-origin': applications.origin,
      'access-control-allow-credentials': 'true',
    }
    await context.route('**/auth/logout', route => route.fulfill({ status: 401, headers }))
    expect(await page.evaluate('auth.signOut().catch(({ code }) => code)')).toBe('server')
    expect((await familyOf(email))?.revoked_at).toBeNull()
    await context.unroute('**/auth/logout')
    await page.reload()
    expect(await authStatusOf(page)).toBe('signed-out')
    expect((await familyOf(email))?.revoked_at).toBeInstanceOf(Date)
    await context.close()
  })

  it('signs out everywhere while another tab renews', async () => {
    const [here, elsewhere] = [await openBrowser(), await openBrowser()]
    const other = await here.openAt('/account')
    const email = await signUpByAccountApi(other)
    const page = await here.openAt('/account/b')
    await becomesStatus(page, 'signed-in')
    const away = await elsewhere.openAt('/account')
    await away.evaluate(`auth.signIn(${JSON.stringify({ email, password: PASSWORD })})`)
    const answer = applications.hold('/auth/refresh')
    const late = other.evaluate(`${RENEW}.catch(({ code }) => code)`)
    await answer.arrived
    await page.evaluate('auth.signOut({ everywhere: true })')
    expect(await away.evaluate(`${RENEW}.catch(({ code }) => code)`)).toBe('signed_out')
    answer.release()
    expect(await late).toBe('signed_out')
    await Promise.all([here, elsewhere].map(({ context }) => context.close()))
  })

  it("leads a visitor of React's guarded page to the sign-in once, and back, under StrictMode", async () => {
    const { context, open, complaints } = await openBrowser()
    const page = await open()
    const led: string[] = []
    page.on('request', request => {
      if (request.url().includes('/authorize?')) led.push(request.url())
    })
    await page.goto(`${applications.origin}/react/orders`)
    const email = await signUpByApplication(page)
    await page.waitForURL(`${applications.origin}/react/orders`)
    await page.getByRole('heading', { name: `Hello ${email}` }).waitFor()
    expect(led).toHaveLength(1)
    expect(complaints).toEqual([])
    await context.close()
  })
})
