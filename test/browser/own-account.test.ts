import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { signUp } from '../support/accounts/account-api.ts'
import { FROM } from '../support/accounts/mail.ts'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { createClock } from '../support/effects.ts'
import { type Listening, listen } from '../support/listen.ts'
import { expectAccessible, launchChromium, openContext } from '../support/pages/browser.ts'
import { type Mailbox, openMailbox } from '../support/services/mailbox.ts'

describe.skipIf(inject('chromium') === null)('address and data, in Chromium', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let browser: Browser
  let mailbox: Mailbox
  let listening: Listening
  const time = createClock()
  beforeAll(async () => {
    deployment = await openDeployment([])
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

  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
  const follow = (page: Page, name: string) => page.getByRole('link', { name, exact: true }).click()
  const focus = (page: Page) => page.evaluate('document.activeElement.name')
  const enter = async (page: Page) => {
    time.reset()
    const email = newEmail()
    await signUp(listening.signet, email)
    await page.goto(`${listening.issuer}/sign-in`)
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', PASSWORD)
    await press(page, 'Sign in')
    await page.waitForURL(/\/account/)
    return email
  }
  const download = async (page: Page) => {
    const [file] = await Promise.all([page.waitForEvent('download'), press(page, 'Download as JSON')])
    expect(file.suggestedFilename()).toBe('account.json')
    return JSON.parse(readFileSync(await file.path(), 'utf8'))
  }

  it('another address, the data and the end', async () => {
    const { context, open, complaints } = await openContext(browser)
    const page = await open()
    const email = await enter(page)
    await press(page, 'Send the link again')
    await page.getByRole('status').waitFor()
    await expectAccessible(page)

    time.reset()
    time.advance(301)
    await follow(page, 'Change address')
    await page.waitForSelector('[name=password]')
    await expectAccessible(page)
    time.reset()
    await page.fill('[name=password]', PASSWORD)
    await press(page, 'Continue')
    await page.waitForSelector('[name=new_email]')
    await expectAccessible(page)
    await page.fill('[name=new_email]', email)
    await press(page, 'Send the link')
    await page.getByRole('alert').waitFor()
    await expectAccessible(page)
    expect(await focus(page)).toBe('new_email')
    await page.fill('[name=new_email]', newEmail())
    await press(page, 'Send the link')
    await page.waitForURL(/sent=/)
    await expectAccessible(page)

    await follow(page, 'Your data')
    await page.waitForURL(/\/account\/data/)
    await expectAccessible(page)
    expect(await download(page)).toMatchObject({ account: { email } })
    expect(await download(page)).toMatchObject({ account: { email } })
    await follow(page, 'Delete account')
    await page.waitForSelector('[name=email]')
    await expectAccessible(page)
    await page.fill('[name=email]', newEmail())
    await press(page, 'Delete my account')
    await page.getByRole('alert').waitFor()
    await expectAccessible(page)
    await page.fill('[name=email]', email)
    await press(page, 'Delete my account')
    await page.waitForURL(/\/account\/deleted/)
    await expectAccessible(page)
    expect(complaints).toEqual([])
    await context.close()
  })
})
