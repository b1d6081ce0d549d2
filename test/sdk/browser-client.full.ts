import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { times } from '../support/ask.ts'
import {
  authStatusOf,
  type BrowserApplications,
  becomesStatus,
  openBrowserApplications,
  openBrowserPackage,
  signUpOnPages,
  tokenOf,
} from '../support/pages/browser-applications.ts'

const RUNS = 100
const TABS = 10

describe.skipIf(inject('chromium') === null)('ten tabs that wake at once', () => {
  const pack = openBrowserPackage()
  let applications: BrowserApplications
  beforeAll(async () => {
    applications = await openBrowserApplications(pack)
  })
  afterAll(async () => {
    await applications.close()
    pack.remove()
  })

  it(`get ten tokens by one rotation, in ${RUNS} of ${RUNS} runs`, async () => {
    const { openAt } = await applications.openBrowser()
    const page = await openAt('/')
    const email = await signUpOnPages(page, '/')
    const tabs = [page, ...(await Promise.all(times(TABS - 1).map(() => openAt('/'))))]
    await Promise.all(tabs.map(tab => becomesStatus(tab, 'signed-in')))
    const before = (await applications.familyOf(email))?.generation ?? 0
    for (const run of times(RUNS)) {
      const old = JSON.stringify(await tokenOf(page))
      const tokens = await Promise.all(
        tabs.map(tab => tab.evaluate<string>(`auth.getToken({ isRefused: ${old} })`)),
      )
      expect(tokens.filter(token => token.startsWith('ey') && JSON.stringify(token) !== old)).toHaveLength(
        TABS,
      )
      const family = await applications.familyOf(email)
      expect(family, `run ${run}`).toEqual({ generation: before + run + 1, revoked_at: null })
    }
    expect(await Promise.all(tabs.map(authStatusOf))).toEqual(tabs.map(() => 'signed-in'))
  })
})
