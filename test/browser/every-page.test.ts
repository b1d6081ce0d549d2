import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { withTotp } from '../support/accounts/factors.ts'
import { FROM, forgot, SUBJECTS } from '../support/accounts/mail.ts'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { createClock } from '../support/effects.ts'
import { type Listening, listen } from '../support/listen.ts'
import { expectAccessible, expectLayout, launchChromium, openContext } from '../support/pages/browser.ts'
import { linkIn, type Mailbox, openMailbox } from '../support/services/mailbox.ts'

/** Addresses of an application that is not there: what counts is that the browser sets out for them. */
const REDIRECT_URIS = {
  https: 'https://notes.invalid/callback',
  'IPv4 loopback': 'http://127.0.0.1:1/callback',
  'IPv6 loopback': 'http://[::1]:1/callback',
  localhost: 'http://localhost:1/callback',
  'private-use': 'com.example.notes:/callback',
  'private-use without a dot': 'cursor://notes/callback',
}

describe.skipIf(inject('chromium') === null)('every hosted page, in Chromium', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let browser: Browser
  let mailbox: Mailbox
  let listening: Listening
  const time = createClock()
  beforeAll(async () => {
    const notes = {
      client_id: 'notes',
      client_name: 'Field Notes',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: Object.values(REDIRECT_URIS),
      scope: 'openid profile email offline_access notes:read',
      audience: [API],
    }
    const tv = {
      client_id: 'tv',
      client_name: 'Living Room',
      client_uri: 'https://tv.invalid',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      scope: 'openid profile email offline_access',
      audience: [API],
    }
    deployment = await openDeployment([notes, tv])
    mailbox = await openMailbox()
    const environment = { SMTP_URL: mailbox.url, MAIL_FROM: FROM }
    listening = await listen(deployment, { environment, clock: time.clock })
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser.close()
    await listening.close()
    await mailbox.close()
    await deployment.close()
  })

  const requestOf = (more: Readonly<Record<string, string>> = {}) => {
    const url = new URL('/authorize', listening.issuer)
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: 'notes',
      redirect_uri: REDIRECT_URIS.https,
      scope: 'openid profile email offline_access notes:read',
      state: 'a state',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      ...more,
    }).toString()
    return url.href
  }
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
  const heading = (page: Page) => page.textContent('h1')
  const fillIn = async (page: Page, email: string, password = PASSWORD) => {
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', password)
  }
  const signUp = async (page: Page, request = requestOf()) => {
    await page.goto(request)
    await page.getByRole('link', { name: 'Create an account' }).click()
    await fillIn(page, newEmail())
    await press(page, 'Create account')
    await page.waitForURL(/\/consent/)
  }

  describe('can be read, in the light and in the dark, on a telephone and at a desk', () => {
    const watch = async (visit: (page: Page) => Promise<void>) => {
      const { context, open, complaints } = await openContext(browser)
      time.reset()
      await visit(await open())
      expect(complaints).toEqual([])
      await context.close()
    }

    it('the second factor, and what a wrong code gets', () =>
      watch(async page => {
        const { email, code } = await withTotp(listening.signet, time, newEmail())
        await page.goto(requestOf())
        await fillIn(page, email)
        await press(page, 'Sign in')
        await page.waitForSelector('[name=code]')
        await expectAccessible(page)
        expect(await page.evaluate('document.activeElement.name')).toBe('code')
        await page.fill('[name=code]', '000000')
        await press(page, 'Verify')
        await page.getByRole('alert').waitFor()
        await expectAccessible(page)
        await page.fill('[name=code]', code())
        await press(page, 'Verify')
        await page.waitForURL(/\/consent/)
        time.advance(30)
      }))

    it('the choice of an account, a sign-in that is not recent, and an address that is taken', () =>
      watch(async page => {
        await signUp(page)
        const email = (await page.textContent('form'))?.match(/\S+@example\.com/)?.[0] ?? ''
        await page.goto(requestOf({ prompt: 'select_account' }))
        expect(await heading(page)).toBe('Choose an account')
        await expectAccessible(page)
        await press(page, 'Use another account')
        await page.waitForSelector('[name=password]')
        await expectAccessible(page)
        await page.goto(requestOf({ prompt: 'create' }))
        await fillIn(page, email)
        await press(page, 'Create account')
        await page.getByRole('alert').waitFor()
        await expectAccessible(page)
      }))

    it('errors: a request that is wrong, a form of another browser, a page that has expired', () =>
      watch(async page => {
        await page.goto(requestOf({ redirect_uri: 'https://elsewhere.invalid/' }))
        expect(await heading(page)).toBe('The application made a mistake')
        await expectAccessible(page)
        await page.goto(`${listening.issuer}/sign-in?request=changed`)
        expect(await heading(page)).toBe('This page cannot be used here')
        await expectAccessible(page)
        await page.goto(requestOf())
        time.advance(3601)
        await fillIn(page, newEmail())
        await press(page, 'Sign in')
        await page.getByRole('link', { name: 'Start again' }).waitFor()
        await expectAccessible(page)
        time.reset()
        await page.getByRole('link', { name: 'Start again' }).click()
        await page.waitForSelector('[name=password]')
      }))

    it('the pages of a device: its code, a wrong one, the decision and its ends', () =>
      watch(async page => {
        await signUp(page)
        for (const decision of ['Allow', 'Deny']) {
          const { body } = await listening.signet.post('/device_authorization', { client_id: 'tv' })
          const [user_code, complete] = [String(body['user_code']), String(body['verification_uri_complete'])]
          await page.goto(complete)
          await expectAccessible(page)
          await page.goto(`${listening.issuer}/device`)
          await expectAccessible(page)
          expect(await page.evaluate('document.activeElement.name')).toBe('user_code')
          await page.fill('[name=user_code]', 'BCDF')
          await press(page, 'Continue')
          await page.getByRole('alert').waitFor()
          await expectAccessible(page)
          expect(await page.evaluate('document.activeElement.name')).toBe('user_code')
          await page.fill('[name=user_code]', user_code.toLowerCase())
          await press(page, 'Continue')
          await page.waitForSelector('[name=decision]')
          await expectAccessible(page)
          await press(page, decision)
          await page.waitForURL(/\/device\/(?:allowed|denied)/)
          await expectAccessible(page)
        }
        await page.goto(`${listening.issuer}/device/over`)
        await expectAccessible(page)
      }))

    it('the pages of a device without scripts', async () => {
      const { context, open, complaints } = await openContext(browser, { javaScriptEnabled: false })
      const page = await open()
      const { body } = await listening.signet.post('/device_authorization', { client_id: 'tv' })
      await page.goto(String(body['verification_uri_complete']))
      await page.getByRole('link', { name: 'Create an account' }).click()
      await fillIn(page, newEmail())
      await press(page, 'Create account')
      await page.fill('[name=user_code]', String(body['user_code']).slice(5))
      await press(page, 'Continue')
      await page.waitForSelector('[name=decision]')
      await expectLayout(page)
      await press(page, 'Allow')
      await page.waitForURL(/\/device\/allowed/)
      await expectLayout(page)
      expect(complaints).toEqual([])
      await context.close()
    })

    it('the pages of mailed links', () =>
      watch(async page => {
        const email = newEmail()
        await listening.ask('/auth/register', { body: { email, password: PASSWORD } })
        await page.goto(linkIn(await mailbox.mailTo(email, SUBJECTS.verify)).url)
        await expectAccessible(page)
        await page.getByRole('button').click()
        await page.waitForLoadState()
        await expectAccessible(page)
        await forgot(listening.signet, email)
        await page.goto(linkIn(await mailbox.mailTo(email, SUBJECTS.reset)).url)
        await expectAccessible(page)
        await page.fill('[name=new_password]', 'short')
        await page.locator('form button:not([type=button])').click()
        await page.getByRole('alert').waitFor()
        await expectAccessible(page)
        await page.fill('[name=new_password]', 'another lantern for the harbour')
        await page.locator('form button:not([type=button])').click()
        await page.waitForLoadState()
        await expectAccessible(page)
        await page.goto(`${listening.issuer}/reset-password?token=unknown`)
        await expectAccessible(page)
      }))
  })

  it.each(['#d97706', '#0b0b0b'])('can be read with the colour %s', async colour => {
    const environment = {
      BRAND_NAME: 'Acme',
      BRAND_COLOR: colour,
      TERMS_URL: 'https://acme.invalid/terms',
      PRIVACY_URL: 'https://acme.invalid/privacy',
      SUPPORT_URL: 'https://acme.invalid/help',
    }
    const branded = await listen(deployment, { environment })
    const { context, open, complaints } = await openContext(browser)
    const page = await open()
    const request = new URL(requestOf())
    await page.goto(`${branded.issuer}${request.pathname}${request.search}`)
    await expectAccessible(page)
    await page.getByRole('link', { name: 'Create an account' }).click()
    await fillIn(page, newEmail())
    await press(page, 'Create account')
    await page.waitForURL(/\/consent/)
    await expectAccessible(page)
    expect(complaints).toEqual([])
    await context.close()
    await branded.close()
  })

  describe('after a sign-in', () => {
    let opened: Awaited<ReturnType<typeof openContext>>
    beforeAll(async () => {
      opened = await openContext(browser)
      await signUp(await opened.open())
    })
    afterAll(() => opened.context.close())

    it.each(Object.entries(REDIRECT_URIS))(
      'lets a form lead to an application at %s',
      async (_, redirect_uri) => {
        // A page of its own, since one whose application does not answer navigates once more, to an error page.
        const page = await opened.open()
        await page.goto(requestOf({ redirect_uri, prompt: 'consent' }))
        // Chromium tells of no answer whose redirect the policy stops.
        const answered = page.waitForResponse(
          response => response.url().includes('/consent') && response.request().method() === 'POST',
        )
        await press(page, 'Allow')
        expect((await answered).headers()['location']).toContain('code=')
        expect(opened.complaints.filter(complaint => /Content Security Policy/.test(complaint))).toEqual([])
      },
    )
  })
})
