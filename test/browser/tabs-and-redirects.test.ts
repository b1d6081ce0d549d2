import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { signUp } from '../support/accounts/account-api.ts'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { serveAt } from '../support/authorization/person.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'
import { launchChromium, openContext } from '../support/pages/browser.ts'
import { freePort } from '../support/services/services.ts'

const SCRIPTS = [{ javaScriptEnabled: true }, { javaScriptEnabled: false }] as const

describe.skipIf(inject('chromium') === null)('tabs and redirects in Chromium', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let browser: Browser
  let issuer: string
  let callback: string
  let home: string
  const email = newEmail()
  const closers: (() => Promise<void>)[] = []
  beforeAll(async () => {
    const [port, elsewhere] = [await freePort(), await freePort()]
    callback = `http://127.0.0.1:${port}/callback`
    home = `http://localhost:${elsewhere}/home`
    const notes = {
      client_id: 'notes',
      token_endpoint_auth_method: 'none',
      first_party: true,
      grant_types: ['authorization_code'],
      redirect_uris: [callback, `${callback}/further`],
      scope: 'openid',
      audience: [API],
    }
    deployment = await openDeployment([notes])
    const listening = await listen(deployment)
    issuer = listening.issuer
    await signUp(listening, email)
    const page = '<!doctype html><title>Notes</title><link rel="icon" href="data:,"><p>here'
    const application = await serveAt(port, (request, response) => {
      const isFurther = request.url?.startsWith('/callback/further') === true
      response.writeHead(isFurther ? 302 : 200, {
        'content-type': 'text/html',
        ...(isFurther ? { location: `${home}${new URL(request.url ?? '', callback).search}` } : {}),
      })
      response.end(page)
    })
    const another = await serveAt(elsewhere, (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end(page)
    })
    browser = await launchChromium()
    closers.push(() => browser.close(), application, another, listening.close)
  })
  afterAll(async () => {
    for (const close of closers) await close()
    await deployment.close()
  })

  const requestOf = (more: Readonly<Record<string, string>>) => {
    const url = new URL('/authorize', issuer)
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: 'notes',
      redirect_uri: callback,
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      ...more,
    }).toString()
    return url.href
  }
  const signIn = async (page: Page) => {
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', PASSWORD)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  }
  const stateAt = async (page: Page, address: string) => {
    await page.waitForURL(url => url.href.startsWith(address))
    return new URL(page.url()).searchParams.get('state')
  }

  it.each(SCRIPTS)('finish two tabs that were opened at once without any cookie: %o', async way => {
    const { context, open, complaints } = await openContext(browser, way)
    const tabs = await Promise.all(['one', 'two'].map(async state => ({ state, page: await open() })))
    await Promise.all(tabs.map(({ state, page }) => page.goto(requestOf({ state }))))
    for (const { state, page } of tabs) {
      await signIn(page)
      expect(await stateAt(page, callback)).toBe(state)
    }
    expect(complaints).toEqual([])
    await context.close()
  })

  it.each(SCRIPTS)('follow an application that leads on to another origin: %o', async way => {
    const { context, open, complaints } = await openContext(browser, way)
    const page = await open()
    await page.goto(requestOf({ state: 'further', redirect_uri: `${callback}/further` }))
    await signIn(page)
    expect(await stateAt(page, home)).toBe('further')
    expect(complaints).toEqual([])
    await context.close()
  })
})
