import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { times } from '../support/ask.ts'
import {
  authStatusOf,
  type BrowserApplications,
  becomesStatus,
  openBrowserApplications,
  openBrowserPackage,
  tokenOf,
  WAYS_TO_SIGN_IN,
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

  it.each(WAYS_TO_SIGN_IN)(
    `get ten tokens by one rotation, in ${RUNS} of ${RUNS} runs, signed in $way`,
    async ({ path, signUp }) => {
      const { context, openAt } = await applications.openBrowser()
      const page = await openAt(path)
      const email = await signUp(page)
      const tabs = [page, ...(await Promise.all(times(TABS - 1).map(() => openAt(path))))]
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
      await context.close()
    },
  )
})
