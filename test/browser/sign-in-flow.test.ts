import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { serveAt } from '../support/authorization/person.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'
import { expectAccessible, expectLayout, launchChromium, openContext } from '../support/pages/browser.ts'
import { freePort } from '../support/services/services.ts'

const PAGE_MAX_BYTES = 30_000

const LOGO = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const SCOPES = {
  'notes:read': { title: { en: 'Read your notes' } },
  'notes:write': {
    title: { en: 'Create and change notes' },
    description: 'Never delete them',
    optional: true,
  },
  email: { optional: true },
}

describe.skipIf(inject('chromium') === null)('the flow in Chromium', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let browser: Browser
  let issuer: string
  let callback: string
  const closers: (() => Promise<void>)[] = []
  beforeAll(async () => {
    const port = await freePort()
    callback = `http://127.0.0.1:${port}/callback`
    const notes = {
      client_id: 'notes',
      client_name: 'Field Notes',
      client_secret: 'a-secret-of-more-than-thirty-two-characters',
      require_pkce: false,
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [callback],
      scope: 'openid profile email offline_access notes:read notes:write',
      audience: [API],
      client_uri: 'https://notes.example',
      logo_uri: `http://127.0.0.1:${port}/logo.png`,
      policy_uri: 'https://notes.example/privacy',
      tos_uri: 'https://notes.example/terms',
      contacts: ['help@notes.example'],
    }
    const directory = mkdtempSync(join(tmpdir(), 'signet-scopes-'))
    const scopes = join(directory, 'scopes.json')
    writeFileSync(scopes, JSON.stringify(SCOPES))
    deployment = await openDeployment([notes])
    const environment = { SCOPES_FILE: scopes, OUTBOUND_ALLOW: '127.0.0.1/32' }
    const listening = await listen(deployment, { environment })
    issuer = listening.issuer
    const application = await serveAt(port, (request, response) => {
      if (request.url === '/logo.png') return void response.setHeader('content-type', 'image/png').end(LOGO)
      response.setHeader('content-type', 'text/html')
      response.end(
        `<!doctype html><title>Field Notes</title><link rel="icon" href="data:,"><p>${request.method}`,
      )
    })
    browser = await launchChromium()
    const removeScopes = async () => rmSync(directory, { recursive: true, force: true })
    closers.push(() => browser.close(), application, listening.close, removeScopes)
  })
  afterAll(async () => {
    for (const close of closers) await close()
    await deployment.close()
  })

  const requestOf = (more: Readonly<Record<string, string>> = {}) => {
    const url = new URL('/authorize', issuer)
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: 'notes',
      redirect_uri: callback,
      scope: 'openid email notes:read notes:write',
      state: 'first',
      ...more,
    }).toString()
    return url.href
  }
  const answerAt = async (page: Page) => {
    await page.waitForURL(url => url.href.startsWith(callback))
    return Object.fromEntries(new URL(page.url()).searchParams)
  }
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
  const fillIn = async (page: Page, email: string, password: string) => {
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', password)
  }
  const signUp = async (page: Page, email: string) => {
    await page.goto(requestOf())
    await page.getByRole('link', { name: 'Create an account' }).click()
    await fillIn(page, email, PASSWORD)
    await press(page, 'Create account')
    await page.waitForURL(/\/consent/)
  }

  describe.each([true, false])('with scripts: %s', javaScriptEnabled => {
    const options = { javaScriptEnabled }
    const expectGood = javaScriptEnabled ? expectAccessible : expectLayout

    it('signs up, consents, denies, is remembered, and signs in again', async () => {
      const email = newEmail()
      const first = await openContext(browser, options)
      const page = await first.open()
      await page.goto(requestOf())
      expect(await page.evaluate('document.activeElement.name')).toBe('email')
      await expectGood(page)
      await page.getByRole('link', { name: 'Create an account' }).click()
      await expectGood(page)
      await fillIn(page, email, 'short')
      await press(page, 'Create account')
      await page.getByRole('alert').waitFor()
      await expectGood(page)
      expect(await page.evaluate('document.activeElement.name')).toBe('password')
      expect([await page.inputValue('[name=email]'), await page.inputValue('[name=password]')]).toEqual([
        email,
        '',
      ])
      await page.fill('[name=password]', PASSWORD)
      await press(page, 'Create account')
      await page.waitForURL(/\/consent/)
      await expectGood(page)
      await press(page, 'Deny')
      expect(await answerAt(page)).toEqual({
        error: 'access_denied',
        error_description: expect.any(String),
        state: 'first',
        iss: issuer,
      })
      await page.goto(requestOf({ state: 'second' }))
      await page.getByRole('checkbox', { name: 'Create and change notes' }).press('Space')
      await press(page, 'Allow')
      expect(await answerAt(page)).toEqual({ code: expect.any(String), state: 'second', iss: issuer })
      await page.goto(requestOf({ state: 'third' }))
      expect(await answerAt(page)).toMatchObject({ state: 'third' })
      // The boxes are as the person left them, and the text of a box ticks it.
      await page.goto(requestOf({ state: 'fourth', prompt: 'consent' }))
      const boxes = page.getByRole('checkbox')
      expect(await Promise.all((await boxes.all()).map(box => box.isChecked()))).toEqual([true, false])
      await page.getByText('Create and change notes').click()
      expect(await boxes.last().isChecked()).toBe(true)
      await expectGood(page)
      // The Enter key in a box presses the first button, Deny.
      await boxes.last().press('Enter')
      expect(await answerAt(page)).toMatchObject({ error: 'access_denied', state: 'fourth' })
      expect(first.complaints).toEqual([])
      await first.context.close()

      const second = await openContext(browser, options)
      const other = await second.open()
      await other.goto(requestOf())
      await fillIn(other, email, 'a wrong password')
      await press(other, 'Sign in')
      await other.getByRole('alert').waitFor()
      await expectGood(other)
      expect([await other.inputValue('[name=email]'), await other.inputValue('[name=password]')]).toEqual([
        email,
        '',
      ])
      await other.fill('[name=password]', PASSWORD)
      await press(other, 'Sign in')
      expect(await answerAt(other)).toMatchObject({ code: expect.any(String), state: 'first' })
      expect(second.complaints).toEqual([])
      await second.context.close()
    })

    it('survives reloads, the back button and a second tab', async () => {
      const { context, open, complaints } = await openContext(browser, options)
      const [email, page] = [newEmail(), await open()]
      await page.goto(requestOf())
      await page.reload()
      await page.getByRole('link', { name: 'Create an account' }).click()
      await page.goBack()
      await page.goForward()
      await page.reload()
      const tab = await open()
      await tab.goto(requestOf({ state: 'tab' }))
      await fillIn(page, email, PASSWORD)
      await press(page, 'Create account')
      await page.waitForURL(/\/consent/)
      await page.reload()
      await fillIn(tab, email, PASSWORD)
      await press(tab, 'Sign in')
      await tab.waitForURL(/\/consent/)
      await press(page, 'Allow')
      const answer = await answerAt(page)
      expect(answer).toMatchObject({ code: expect.any(String), state: 'first' })
      await press(tab, 'Allow')
      expect(await answerAt(tab)).toMatchObject({ code: expect.any(String), state: 'tab' })
      // The consent page is done: going back to it leads to the application again, with a code of its own.
      await page.goBack()
      const again = await answerAt(page)
      expect(again).toEqual({ ...answer, code: expect.any(String) })
      expect(again['code']).not.toBe(answer['code'])
      expect(complaints).toEqual([])
      await context.close()
    })
  })

  it('sends a form once, however often its button is pressed', async () => {
    const { context, open, complaints } = await openContext(browser)
    const page = await open()
    await page.goto(requestOf())
    await page.getByRole('link', { name: 'Create an account' }).click()
    await fillIn(page, newEmail(), PASSWORD)
    const sent: string[] = []
    page.on('request', request => {
      if (request.method() === 'POST') sent.push(request.url())
    })
    await page.getByRole('button', { name: 'Create account' }).dblclick({ noWaitAfter: true })
    await page.waitForURL(/\/consent/)
    expect(sent).toHaveLength(1)
    expect(complaints).toEqual([])
    await context.close()
  })

  it('shows the logo of the application, from here', async () => {
    const { context, open, complaints } = await openContext(browser)
    const page = await open()
    await signUp(page, newEmail())
    const width = () => page.evaluate('document.querySelector(".meet img")?.naturalWidth')
    // Whichever page began the fetch, a later one has the image.
    await expect.poll(() => page.reload().then(width)).toBe(1)
    await expectAccessible(page)
    expect(complaints).toEqual([])
    await context.close()
  })

  it('answers by form_post, with a script and without', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const { context, open, complaints } = await openContext(browser, { javaScriptEnabled })
      const page = await open()
      await signUp(page, newEmail())
      await page.goto(requestOf({ response_mode: 'form_post' }))
      await press(page, 'Allow')
      if (!javaScriptEnabled) await page.getByRole('button').click()
      await page.waitForURL(callback)
      expect(await page.textContent('p')).toBe('POST')
      expect(complaints).toEqual([])
      await context.close()
    }
  })

  it('has a sign-in page of less than 30 kB, all of it from here', async () => {
    const { context, open } = await openContext(browser)
    const page = await open()
    const sizes: Promise<number>[] = []
    page.on('requestfinished', request =>
      sizes.push(request.sizes().then(size => size.responseBodySize + size.responseHeadersSize)),
    )
    await page.goto(requestOf(), { waitUntil: 'networkidle' })
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
    expect(bytes).toBeLessThan(PAGE_MAX_BYTES)
    await context.close()
  })
})
