import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { signUp } from '../support/accounts/account-api.ts'
import { codesOf } from '../support/accounts/factors.ts'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { createClock } from '../support/effects.ts'
import { type Listening, listen } from '../support/listen.ts'
import { expectAccessible, expectLayout, launchChromium, openContext } from '../support/pages/browser.ts'

describe.skipIf(inject('chromium') === null)('the security page, in Chromium', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let browser: Browser
  let listening: Listening
  const time = createClock()
  beforeAll(async () => {
    deployment = await openDeployment([])
    listening = await listen(deployment, { clock: time.clock })
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser.close()
    await listening.close()
    await deployment.close()
  })

  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
  const follow = (page: Page, name: string) => page.getByRole('link', { name, exact: true }).click()
  const titles = (page: Page) => page.locator('h2').allTextContents()
  const addressOf = (path: string) => `${listening.issuer}${path}`

  /** A new person, signed in on the pages of this browser. */
  const enter = async (page: Page) => {
    time.reset()
    const email = newEmail()
    await signUp(listening.signet, email)
    await page.goto(addressOf('/sign-in'))
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', PASSWORD)
    await press(page, 'Sign in')
    await page.waitForURL(/\/account/)
    return email
  }

  /** WebDriver's virtual authenticator: a device that verifies its person, and that can be told to wait for them. */
  const addAuthenticator = async (page: Page) => {
    const session = await page.context().newCDPSession(page)
    await session.send('WebAuthn.enable', { enableUI: false })
    const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    return {
      setPresent: (enabled: boolean) =>
        session.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
      count: async () =>
        (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length,
    }
  }

  const addPasskey = async (page: Page, name: string) => {
    await page.goto(addressOf('/account/security'))
    await follow(page, 'Add a passkey')
    await page.fill('[name=label]', name)
    await press(page, 'Add a passkey')
  }

  it('adds a passkey, signs in with it by button and by autofill, and removes it', async () => {
    const { context, open, complaints } = await openContext(browser)
    const page = await open()
    const { setPresent, count } = await addAuthenticator(page)
    await enter(page)
    await addPasskey(page, 'Blue laptop')
    await follow(page, 'I have kept them')
    expect(await page.textContent('main')).toContain('Blue laptop')

    for (const way of ['by the button', 'by autofill']) {
      await context.clearCookies()
      await setPresent(way === 'by autofill')
      await page.goto(addressOf('/sign-in'))
      if (way === 'by the button') {
        await expectAccessible(page)
        await setPresent(true)
        await press(page, 'Sign in with a passkey')
      }
      await page.waitForURL(/\/account/)
    }

    await page.goto(addressOf('/account/security'))
    const passkey = page.getByRole('listitem').filter({ hasText: 'Blue laptop' })
    await passkey.getByRole('link', { name: 'Remove' }).click()
    await press(page, 'Remove')
    await page.getByRole('status').waitFor()
    expect(await page.textContent('main')).not.toContain('Blue laptop')
    // WebAuthn Level 3 §5.1.10.4: the browser has been told that the account has none.
    await expect.poll(count).toBe(0)
    expect(complaints).toEqual([])
    await context.close()
  })

  it('says what happened when the device makes no passkey, and keeps the name', async () => {
    const { context, open } = await openContext(browser)
    const page = await open()
    await addAuthenticator(page)
    await enter(page)
    await addPasskey(page, 'First')
    await follow(page, 'I have kept them')
    await addPasskey(page, 'Second')
    await page.getByRole('alert').waitFor()
    await expectAccessible(page)
    expect(await page.inputValue('[name=label]')).toBe('Second')
    await context.close()
  })

  it('confirms by a passkey that it is the person, and goes on to the change', async () => {
    const { context, open, complaints } = await openContext(browser)
    const page = await open()
    const { setPresent } = await addAuthenticator(page)
    await enter(page)
    await addPasskey(page, 'Blue laptop')
    await follow(page, 'I have kept them')
    await setPresent(false)
    time.advance(600)
    await page.goto(addressOf('/account/security/recovery-codes'))
    expect(await page.textContent('h1')).toBe('Confirm that it is you')
    time.reset()
    await setPresent(true)
    await press(page, 'Use a passkey')
    await page.getByRole('button', { name: 'Make new codes' }).waitFor()
    expect(complaints).toEqual([])
    await context.close()
  })

  it('can be read, in each of its states', async () => {
    const { context, open, complaints } = await openContext(browser)
    const page = await open()
    await addAuthenticator(page)
    await enter(page)
    await page.goto(addressOf('/account/security'))
    await expectAccessible(page)

    await follow(page, 'Set up')
    await expectAccessible(page)
    const key = (await page.textContent('.secret-key'))?.replaceAll(' ', '') ?? ''
    await page.fill('[name=code]', '000000')
    await press(page, 'Turn on')
    await page.getByRole('alert').waitFor()
    await expectAccessible(page)
    await page.fill('[name=code]', codesOf(key, time)())
    await press(page, 'Turn on')
    await page.getByRole('button', { name: 'Print' }).waitFor()
    await expectAccessible(page)

    await page.goto(addressOf('/account/security/passkeys'))
    await expectAccessible(page)
    await page.fill('[name=label]', 'Blue laptop')
    await press(page, 'Add a passkey')
    await page.getByRole('status').waitFor()
    await expectAccessible(page)
    expect(await titles(page)).toEqual(['Password', 'Passkeys', 'Two-step verification'])

    await follow(page, 'Rename')
    await expectAccessible(page)
    await follow(page, 'Back')
    await follow(page, 'Change password')
    await press(page, 'Change password')
    await expectAccessible(page)
    for (const path of ['authenticator/remove', 'recovery-codes']) {
      await page.goto(addressOf(`/account/security/${path}`))
      await expectAccessible(page)
    }
    time.advance(600)
    await page.goto(addressOf('/account/security/recovery-codes'))
    await page.getByRole('button', { name: 'Continue', exact: true }).waitFor()
    await expectAccessible(page)
    expect(complaints).toEqual([])
    await context.close()
  })

  it('works without scripts, but for the making of a passkey', async () => {
    const { context, open } = await openContext(browser, {
      javaScriptEnabled: false,
      viewport: { width: 390, height: 844 },
    })
    const page = await open()
    await enter(page)
    await page.goto(addressOf('/account/security/passkeys'))
    expect(await page.textContent('main')).toContain('Passkeys need JavaScript')
    expect(await page.locator('[name=label]').isVisible()).toBe(false)
    await expectLayout(page)
    await page.goto(addressOf('/account/security/authenticator'))
    const key = (await page.textContent('.secret-key'))?.replaceAll(' ', '') ?? ''
    await page.fill('[name=code]', codesOf(key, time)())
    await press(page, 'Turn on')
    await page.getByRole('link', { name: 'I have kept them' }).waitFor()
    await expectLayout(page)
    await context.close()
  })
})
