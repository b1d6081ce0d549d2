import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { serveAt } from '../support/authorization/person.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'
import { launchChromium, openContext } from '../support/pages/browser.ts'
import { freePort } from '../support/services/services.ts'

const require = createRequire(import.meta.url)

/** The whole application: its page carries a manager of the library, which the test tells what to do. */
const pageOf = (
  issuer: string,
  origin: string,
) => `<!doctype html><title>Notes</title><link rel="icon" href="data:,">
<script src="/oidc-client-ts.js"></script>
<script>
  const manager = new oidc.UserManager({
    authority: '${issuer}',
    client_id: 'spa',
    redirect_uri: '${origin}/callback',
    popup_redirect_uri: '${origin}/callback',
    scope: 'openid email offline_access read',
    loadUserInfo: true,
    automaticSilentRenew: false,
  })
</script>`

describe.skipIf(inject('chromium') === null)('oidc-client-ts, in Chromium', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let browser: Browser
  let origin: string
  const closers: (() => Promise<void>)[] = []
  beforeAll(async () => {
    const port = await freePort()
    origin = `http://127.0.0.1:${port}`
    const spa = {
      client_id: 'spa',
      client_name: 'Notes',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [`${origin}/callback`],
      scope: 'openid email offline_access read',
      audience: [API],
    }
    deployment = await openDeployment([spa])
    const { issuer, close } = await listen(deployment)
    const entry = require.resolve('oidc-client-ts')
    const library = await readFile(join(dirname(entry), '../browser/oidc-client-ts.min.js'))
    const application = await serveAt(port, (request, response) => {
      const isLibrary = request.url === '/oidc-client-ts.js'
      response.setHeader('content-type', isLibrary ? 'text/javascript' : 'text/html')
      response.end(isLibrary ? library : pageOf(issuer, origin))
    })
    browser = await launchChromium()
    closers.push(() => browser.close(), application, close)
  })
  afterAll(async () => {
    for (const close of closers) await close()
    await deployment.close()
  })

  const signUp = async (page: Page, email: string) => {
    await page.getByRole('link', { name: 'Create an account' }).click()
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', PASSWORD)
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
  }

  it('signs a person in by redirect, reads the claims, renews and revokes', async () => {
    const { context, open, complaints } = await openContext(browser)
    const [page, email] = [await open(), newEmail()]
    await page.goto(origin)
    await page.evaluate('void manager.signinRedirect({ state: { at: "page 7" } })')
    await page.waitForURL(/\/sign-in/)
    await signUp(page, email)
    await page.waitForURL(/\/callback/)
    const user = await page.evaluate(
      'manager.signinCallback().then(({ profile, state }) => ({ profile, state }))',
    )
    expect(user).toMatchObject({ profile: { email, email_verified: false }, state: { at: 'page 7' } })
    const tokens = 'manager.getUser().then(user => user.refresh_token)'
    const old = await page.evaluate(tokens)
    expect(await page.evaluate('manager.signinSilent().then(({ profile }) => profile.email)')).toBe(email)
    expect(await page.evaluate(tokens)).not.toBe(old)
    await page.evaluate('manager.revokeTokens(["refresh_token"])')
    expect(complaints).toEqual([])
    await context.close()
  })

  it('signs a person in by a pop-up, which can reach the page that opened it', async () => {
    const { context, open, complaints } = await openContext(browser)
    const [page, email] = [await open(), newEmail()]
    await page.goto(origin)
    const opened = page.waitForEvent('popup')
    await page.evaluate('void (window.done = manager.signinPopup())')
    const popup = await opened
    await signUp(popup, email)
    await popup.waitForURL(/\/callback/)
    const closed = popup.waitForEvent('close')
    await popup.evaluate('void manager.signinCallback()')
    await closed
    expect(await page.evaluate('done.then(({ profile }) => profile.email)')).toBe(email)
    expect(complaints).toEqual([])
    await context.close()
  })
})
