import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Deployment,
  type Instance,
  openDeployment,
  openEmbeddedDeployment,
} from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { CONSOLE_SETTINGS, createConsoleBrowser } from '../../support/pages/console-browser.ts'
import { headingOf } from '../../support/pages/person.ts'

const DEFAULT = { ...CONSOLE_SETTINGS, CLIENTS_FILE: '' }

describe('the link of a start on the embedded default (docs/decisions/0058)', () => {
  let deployment: Deployment
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment()
  })
  afterAll(() => deployment.close())

  const start = async (given: Parameters<Deployment['start']>[0] = {}) => {
    const signet = await deployment.start({ environment: DEFAULT, ...given })
    return { signet, link: signet.console_link ?? '', browser: createConsoleBrowser([signet]) }
  }
  const outcomeOf = async (signet: Instance, link: string) => {
    const page = await createConsoleBrowser([signet]).open(link)
    return [page.status, page.location ?? headingOf(page)]
  }
  const SIGNED_IN = [303, '/console']
  const OVER = [400, 'The sign-in was not finished']

  it('signs the developer in once, with the role of an administrator', async () => {
    const { signet, link, browser } = await start()
    const page = await browser.follow(await browser.open(link))
    expect(page.status).toBe(200)
    expect(page.text).toContain('admin@example.com')
    expect((await browser.open('/console/accounts')).text).toContain('New account')
    expect(await outcomeOf(signet, link)).toEqual(OVER)
  })

  it('is not spent by a wrong key, a browser that prefetches, or a HEAD', async () => {
    const { signet, link, browser } = await start()
    expect(await outcomeOf(signet, `${link}A`)).toEqual(OVER)
    expect(await outcomeOf(signet, link.replace(/key=.*/, 'key='))).toEqual(OVER)
    expect((await browser.open(link, { 'sec-purpose': 'prefetch' })).status).toBe(503)
    expect(await outcomeOf(signet, link)).toEqual(SIGNED_IN)
  })

  it('is good for ten minutes', async () => {
    const { clock, advance } = createClock()
    const early = await start({ clock })
    advance(599)
    expect(await outcomeOf(early.signet, early.link)).toEqual(SIGNED_IN)
    const late = await start({ clock })
    advance(600)
    expect(await outcomeOf(late.signet, late.link)).toEqual(OVER)
  })

  it('is good for an account that administers, alone', async () => {
    const { signet, link } = await start()
    await deployment.database.run(
      sql => sql`update signet.users set roles = '{user}' where email = 'admin@example.com'`,
    )
    expect(await outcomeOf(signet, link)).toEqual(OVER)
    expect((await start()).link).toBe('')
  })

  it('is absent where others reach the server, and with clients of a file', async () => {
    const open = await start({ environment: { ...DEFAULT, HOST: '0.0.0.0' } })
    expect(open.link).toBe('')
    const listed = await deployment.start({ environment: CONSOLE_SETTINGS })
    expect(listed.console_link).toBeNull()
    const served = await openDeployment()
    expect((await served.start({ environment: CONSOLE_SETTINGS })).console_link).toBeNull()
    await served.close()
  })
})
