import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { newEmail } from '../../support/ask.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import {
  CONSOLE_SETTINGS,
  createAdministrator,
  createConsoleBrowser,
} from '../../support/pages/console-browser.ts'
import { headingOf } from '../../support/pages/person.ts'

/** Each tab with what it shows of a server on which a person has signed up. */
const TABS = [
  ['/console', 'Overview', 'What changed last'],
  ['/console?hours=720', 'Overview', 'What changed last'],
  ['/console/sign-ins', 'Sign-ins', 'first-party'],
  ['/console/accounts', 'Accounts', '@'],
  ['/console/clients', 'Clients', 'client'],
  ['/console/keys', 'Signing keys', 'signing'],
  ['/console/events', 'Events', 'sign in opened'],
  ['/console/events?kind=account.registered', 'Events', 'account registered'],
  ['/console/health', 'Health', 'migrations'],
] as const

describe('every tab of the console', () => {
  let deployment: Deployment
  let signet: Instance
  let browser: ReturnType<typeof createConsoleBrowser>
  beforeAll(async () => {
    deployment = await openDeployment()
    signet = await deployment.start({ environment: CONSOLE_SETTINGS })
    browser = createConsoleBrowser([signet])
    await browser.signIn(await createAdministrator(deployment, signet, 'signet:viewer'), '/console/accounts')
    await signUp(signet, newEmail())
  })
  afterAll(() => deployment.close())

  it.each(TABS)('%s shows what the administration API answers', async (path, heading, shown) => {
    const page = await browser.visit(path)
    const faults = signet.lines.filter(({ message }) => message === 'unexpected error')
    expect(faults).toEqual([])
    expect(page.status).toBe(200)
    expect(headingOf(page)).toBe(heading)
    expect(page.text).toContain(shown)
    expect(page.text).not.toContain('does not offer')
  })

  it('shows one event, by the link of the list', async () => {
    const list = await browser.visit('/console/events?kind=account.registered')
    const [, path = ''] = /href="(\/console\/events\/[\da-f-]{36})"/.exec(list.text) ?? []
    const page = await browser.visit(path)
    expect(page.status).toBe(200)
    expect(page.text).toContain('account registered')
  })
})
