import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { type Listening, listen } from '../support/listen.ts'
import { expectAccessible, launchChromium, openContext } from '../support/pages/browser.ts'
import { openProvider, type Provider } from '../support/upstream/provider.ts'
import { writeUpstreams } from '../support/upstream/upstreams.ts'

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><circle cx="10" cy="10" r="9" fill="#d6336c"/></svg>'

describe.skipIf(inject('chromium') === null)(
  'the pages of other providers, in Chromium',
  { timeout: 60_000 },
  () => {
    let provider: Provider
    let elsewhere: Provider
    let deployment: Deployment
    let listening: Listening
    let browser: Browser
    let upstreams: ReturnType<typeof writeUpstreams>
    beforeAll(async () => {
      provider = await openProvider()
      elsewhere = await openProvider()
      const common = {
        client_id: 'signet',
        client_secret: 'a secret',
        create_accounts: true,
        trust_email: true,
      }
      upstreams = writeUpstreams([
        {
          id: 'harbour',
          issuer: provider.offer('harbour'),
          label: 'Harbour',
          icon_file: 'icon.svg',
          ...common,
        },
        {
          id: 'pier',
          issuer: provider.offer('pier', { authorization_endpoint: `${elsewhere.origin}/pier/authorize` }),
          label: 'Pier',
          ...common,
        },
      ])
      writeFileSync(join(upstreams.directory, 'icon.svg'), ICON)
      const notes = {
        client_id: 'notes',
        client_name: 'Field Notes',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        redirect_uris: ['https://notes.invalid/callback'],
        scope: 'openid',
        audience: [API],
      }
      deployment = await openDeployment([notes])
      listening = await listen(deployment, { environment: upstreams.environment })
      browser = await launchChromium()
    })
    afterAll(async () => {
      await browser.close()
      await listening.close()
      await deployment.close()
      await provider.close()
      await elsewhere.close()
      upstreams.remove()
    })

    const watch = async (visit: (page: Page) => Promise<void>) => {
      const { context, open, complaints } = await openContext(browser)
      await visit(await open())
      expect(complaints).toEqual([])
      await context.close()
    }
    const at = (path: string) => `${listening.issuer}${path}`
    const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
    const heading = (page: Page) => page.textContent('h1')

    it('sign in through the redirects of the provider, which Chromium holds to the policy of the form', () =>
      watch(async page => {
        const email = newEmail()
        provider.welcomes('harbour', {
          claims: { sub: email, email, email_verified: true, name: 'Ada Harbour' },
        })
        await page.goto(at('/sign-in'))
        await page.getByRole('button', { name: 'Continue with Harbour' }).waitFor()
        expect(await page.evaluate('document.querySelector(".upstreams img").naturalWidth')).toBeGreaterThan(
          0,
        )
        await expectAccessible(page)
        await press(page, 'Continue with Harbour')
        await page.waitForURL(/\/account/)
        expect(await page.textContent('body')).toContain('Ada Harbour')

        await page.goto(at('/account/security'))
        await page.getByText('Harbour', { exact: true }).waitFor()
        await expectAccessible(page)
        expect(await page.getByRole('link', { name: 'Connect Harbour' }).count()).toBe(0)
        await page
          .getByRole('listitem')
          .filter({ hasText: email })
          .getByRole('link', { name: 'Remove' })
          .click()
        // A session at the provider is no fresh proof.
        await page.getByRole('heading', { name: 'Confirm that it is you' }).waitFor()
        await expectAccessible(page)
      }))

    it('sign up, and prove that an account is theirs on the way to an application', () =>
      watch(async page => {
        const email = newEmail()
        await page.goto(at('/sign-up'))
        await expectAccessible(page)
        await page.fill('[name=email]', email)
        await page.fill('[name=password]', PASSWORD)
        await press(page, 'Create account')
        await page.waitForURL(/\/account/)
        await page.context().clearCookies()

        provider.welcomes('harbour', { claims: { sub: email, email, email_verified: true } })
        const request = new URL(at('/authorize'))
        request.search = new URLSearchParams({
          response_type: 'code',
          client_id: 'notes',
          redirect_uri: 'https://notes.invalid/callback',
          scope: 'openid',
          code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
          code_challenge_method: 'S256',
        }).toString()
        await page.goto(request.href)
        await press(page, 'Continue with Harbour')
        await page.waitForFunction('document.querySelector("h1").textContent === "Is this account yours?"')
        await expectAccessible(page)
        await page.reload()
        expect(await heading(page)).toBe('Is this account yours?')
        await page.fill('[name=password]', PASSWORD)
        await press(page, 'Continue')
        await page.waitForURL(/\/consent/)
        expect(await page.textContent('body')).toContain('Field Notes')
      }))

    it('go on by a page to an authorization endpoint at another origin', () =>
      watch(async page => {
        const email = newEmail()
        elsewhere.answer(
          '/pier/authorize',
          (response, { url = '' }) =>
            void response.writeHead(302, { location: `${provider.origin}${url}` }).end(),
        )
        provider.welcomes('pier', { claims: { sub: email, email, email_verified: true } })
        await page.goto(at('/sign-in'))
        await press(page, 'Continue with Pier')
        await expectAccessible(page)
        await page.getByRole('link', { name: 'Continue' }).click()
        await page.waitForURL(/\/account/)
      }))

    it('tell a person what went wrong', () =>
      watch(async page => {
        await page.goto(at('/sign-in/upstream/harbour?code=a&state=b'))
        expect(await heading(page)).toContain('This sign-in is over')
        await expectAccessible(page)
      }))
  },
)
