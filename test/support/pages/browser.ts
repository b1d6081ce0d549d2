import { AxeBuilder } from '@axe-core/playwright'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type LaunchOptions,
  type Page,
} from 'playwright-core'
import { expect, inject } from 'vitest'

/** Starts the Chromium of the machine, and ends it. */
export const launchChromium = (options: Pick<LaunchOptions, 'ignoreDefaultArgs'> = {}): Promise<Browser> => {
  const executablePath = inject('chromium')
  if (executablePath === null) throw new Error('this suite needs Chromium: guard it with inject')
  // In a container, tests run as root, where Chromium has no sandbox.
  return chromium.launch({ ...options, executablePath, args: ['--no-sandbox'] })
}

/**
 * A browser of its own, without the cookies of the others. Collects what its console says of errors and of the security policy, and the
 * requests that leave this machine.
 */
export const openContext = async (
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; open: () => Promise<Page>; complaints: readonly string[] }> => {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  context.setDefaultTimeout(10_000)
  const complaints: string[] = []
  const open = async () => {
    const page = await context.newPage()
    page.on('console', message => {
      // Chromium reports the status of every refusal, and tests ask for some.
      const isStatus = /Failed to load resource: the server responded with a status of/.test(message.text())
      if (['error', 'warning'].includes(message.type()) && !isStatus) complaints.push(message.text())
    })
    page.on('pageerror', error => complaints.push(String(error)))
    page.on('request', request => {
      if (!/^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])[:/]/.test(request.url()))
        complaints.push(`third party: ${request.url()}`)
    })
    return page
  }
  return { context, open, complaints }
}

/** Every page is looked at in each of these: a desk in the dark, then a telephone in the light, with which the visit goes on. */
const LOOKS = [
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 390 },
] as const

const inEveryLook = async (page: Page, judge: (page: Page) => Promise<void>): Promise<void> => {
  for (const { colorScheme, width } of LOOKS) {
    // A colour that is still changing has no contrast to measure.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width, height: 844 })
    await judge(page)
  }
}

/** WCAG 2.2 AA by axe-core, and what every hosted page has: a language, a title, one main heading, and room on the screen. */
export const expectAccessible = (page: Page): Promise<void> =>
  inEveryLook(page, async () => {
    const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze()
    const faults = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    expect(faults, page.url()).toEqual([])
    await judgeLayout(page)
  })

/** The same for a page without scripts, which axe-core cannot look at. */
export const expectLayout = (page: Page): Promise<void> => inEveryLook(page, judgeLayout)

const judgeLayout = async (page: Page): Promise<void> => {
  expect(await page.locator('h1').count()).toBe(1)
  expect(await page.locator('html').getAttribute('lang')).toBe('en')
  expect(await page.title()).not.toBe('')
  const widths = await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')
  const [content = 0, window = 0] = widths as readonly number[]
  expect(content).toBeLessThanOrEqual(window)
}
