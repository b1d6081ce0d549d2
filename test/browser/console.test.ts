import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { sidOf, signUp } from '../support/accounts/account-api.ts'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { type Listening, listen } from '../support/listen.ts'
import { expectAccessible, launchChromium, openContext } from '../support/pages/browser.ts'
import { createAdministrator } from '../support/pages/console-browser.ts'
import { freePort } from '../support/services/services.ts'

describe.skipIf(inject('chromium') === null)('the console in Chromium', { timeout: 120_000 }, () => {
  let deployment: Deployment
  let signet: Listening
  let server: Server
  let browser: Browser
  let console_url: string
  let admin: string

  beforeAll(async () => {
    deployment = await openDeployment()
    const port = await freePort()
    console_url = `http://localhost:${port}`
    signet = await listen(deployment, {
      environment: { CONSOLE_URL: console_url, INTERNAL_PORT: String(port), SECOND_FACTOR_ROLES: 'none' },
    })
    const { internalApp } = signet.signet
    if (internalApp === null) throw new Error('there is no internal listener')
    server = createAdaptorServer({ fetch: internalApp.fetch }) as Server
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    admin = await createAdministrator(deployment, signet.signet, 'signet:admin')
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await signet.close()
    await deployment.close()
  })

  const signIn = async (page: Page) => {
    await page.goto(`${console_url}/console/accounts`)
    await page.fill('[name=email]', admin)
    await page.fill('[name=password]', PASSWORD)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.waitForURL(`${console_url}/console/accounts`)
  }

  const newPerson = async () => {
    const email = newEmail()
    const tokens = await signUp(signet, email)
    return { email, sid: sidOf(tokens), sub: tokens.user.id }
  }

  it('signs in on the pages of the issuer, finds a person, ends a sign-in and signs out, accessibly in every look', async () => {
    const { email, sid } = await newPerson()
    const { open, complaints } = await openContext(browser)
    const page = await open()
    await signIn(page)
    await expectAccessible(page)
    await page.getByRole('searchbox', { name: 'Find' }).fill(email)
    await page.getByRole('button', { name: 'Find' }).click()
    await expectAccessible(page)
    await page.getByRole('link', { name: email }).first().click()
    await page.getByRole('heading', { level: 1, name: email }).waitFor()
    await expectAccessible(page)
    await page.getByRole('link', { name: 'Delete' }).click()
    await page.getByText('This cannot be undone.').waitFor()
    await page.getByText('The same by hand').click()
    await expectAccessible(page)
    await page.getByRole('link', { name: 'Back, without a change' }).click()
    await page.getByRole('link', { name: 'Timeline' }).click()
    await page.waitForURL(`${console_url}/console/sign-ins/${sid}`)
    await page.getByRole('link', { name: 'End this sign-in' }).click()
    await page.getByRole('button', { name: 'End the sign-in' }).click()
    await page.getByText('The sign-in has ended.').waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'You are signed out of the console' }).waitFor()
    await expectAccessible(page)
    expect(complaints).toEqual([])
  })

  it('has no fault on any other page', async () => {
    const { open, complaints } = await openContext(browser)
    const page = await open()
    await signIn(page)
    for (const path of [
      '',
      '/sign-ins',
      '/accounts/new',
      '/clients',
      '/clients/new',
      '/keys',
      '/events',
      '/health',
    ]) {
      await page.goto(`${console_url}/console${path}`)
      await expectAccessible(page)
    }
    expect(complaints).toEqual([])
  })

  it('shows what happens elsewhere without a reload: new events at a click, the overview and a timeline by itself', async () => {
    const { open, complaints } = await openContext(browser)
    const page = await open()
    await signIn(page)
    const visit = async (path: string) => {
      await page.goto(`${console_url}/console${path}`)
      await page.evaluate('window.isTheSamePage = true')
    }
    const isTheSamePage = () => page.evaluate('window.isTheSamePage === true')

    await visit('/events?kind=account.registered')
    const rows = page.getByRole('row', { name: /account registered/ })
    const before = await rows.count()
    const status = page.getByRole('status')
    const first = await newPerson()
    await status.getByText('1 new event.').waitFor()
    expect(await rows.count()).toBe(before)
    await newPerson()
    await status.getByText('2 new events.').waitFor()
    await expectAccessible(page)
    await status.getByRole('button', { name: 'Show' }).click()
    await rows.nth(before + 1).waitFor()
    expect([await rows.count(), await status.innerText(), await isTheSamePage()]).toEqual([
      before + 2,
      '',
      true,
    ])
    await expectAccessible(page)

    await visit('/accounts')
    await page.getByRole('link', { name: first.email }).click()
    await page.getByRole('link', { name: 'Timeline' }).click()
    await page.evaluate('window.isTheSamePage = true')
    await page.getByText('living').waitFor()
    const admin_tab = await open()
    await admin_tab.goto(`${console_url}/console/sign-ins/${first.sid}/end`)
    await admin_tab.getByRole('button', { name: 'End the sign-in' }).click()
    await admin_tab.getByText('The sign-in has ended.').waitFor()
    await page
      .getByRole('cell', { name: /sign in ended/ })
      .first()
      .waitFor()
    await page.getByText('living').waitFor({ state: 'detached' })
    expect(await page.getByRole('link', { name: 'End this sign-in' }).count()).toBe(0)
    expect(await isTheSamePage()).toBe(true)
    await admin_tab.close()

    await visit('')
    const { sub } = await newPerson()
    await page.locator(`a[href="/console/accounts/${sub}"]`).first().waitFor()
    expect(await isTheSamePage()).toBe(true)
    expect(complaints).toEqual([])
  })

  it('looks once more where a page was slow to come, or refused because the server was busy', async () => {
    const { open, complaints } = await openContext(browser)
    const page = await open()
    await signIn(page)
    const address = `${console_url}/console/events?kind=account.registered`
    let release = () => {}
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    let arrive = () => {}
    const arrived = new Promise<void>(resolve => {
      arrive = resolve
    })
    let looks = 0
    await page.route(
      ({ href }) => href === address,
      async route => {
        if (route.request().resourceType() !== 'fetch') return route.continue()
        looks += 1
        if (looks === 2) return route.fulfill({ status: 429 })
        if (looks > 2) return route.continue()
        const response = await route.fetch()
        arrive()
        await released
        return route.fulfill({ response })
      },
    )
    await page.goto(address)
    const other = await open()
    await other.goto(address)
    await arrived
    await newPerson()
    await other.getByRole('status').getByText('1 new event.').waitFor()
    release()
    await page.getByRole('status').getByText('1 new event.').waitFor()
    expect(complaints).toEqual([])
  })

  it('does all of it without JavaScript', async () => {
    const { email } = await newPerson()
    const { open, complaints } = await openContext(browser, { javaScriptEnabled: false })
    const page = await open()
    await signIn(page)
    await page.getByRole('link', { name: email }).click()
    await page.getByRole('link', { name: 'Disable' }).click()
    await page.getByRole('button', { name: 'Disable the account' }).click()
    await page.getByText('The account is disabled. One sign-in was ended.').waitFor()
    expect(complaints).toEqual([])
  })
})
