import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { type Authenticator, type Bent, createAuthenticator } from '../../support/accounts/authenticator.ts'
import { asOwner, start } from '../../support/accounts/factors.ts'
import { PASSWORD } from '../../support/ask.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import {
  type Browser,
  createBrowser,
  type OpenPage,
  titleOf,
  unescapeHtml,
} from '../../support/pages/plain-browser.ts'

type PasskeyRequest = Parameters<Authenticator['get']>[0]

/** What the script of a page asks the browser with. */
const passkeyRequestOf = ({ text }: OpenPage): PasskeyRequest => {
  const [, json] = /data-passkey="([^"]*)"/.exec(text) ?? []
  if (json === undefined) throw new Error(`the page asks for no passkey: ${titleOf({ text })}`)
  return JSON.parse(unescapeHtml(json))
}

const alertIn = ({ text }: OpenPage): string | undefined =>
  /<div role="alert">.*?<span>(.*?)<\/span>/s.exec(text)?.[1]

describe.each(deployments)('passkeys on the pages ($name)', ({ open }) => {
  const time = createClock()
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([])
    signet = await start(deployment, time)
  })
  afterAll(() => deployment.close())

  const withPasskey = async (email: string, authenticator = createAuthenticator()) => {
    const tokens = await signUp(signet, email)
    const { access_token: token } = tokens
    const { body } = await signet.ask('/auth/factors/passkeys', asOwner(tokens))
    const confirmation = { handle: body.handle, passkey: authenticator.create(body.passkey) }
    const confirmed = await signet.ask('/auth/factors/passkeys/confirm', { body: confirmation, token })
    expect(confirmed.status).toBe(201)
    return authenticator
  }
  const answer = (browser: Browser, page: OpenPage, authenticator: Authenticator, bent: Bent = {}) =>
    browser.submit(page, { passkey: JSON.stringify(authenticator.get(passkeyRequestOf(page), bent)) })
  const isSignedIn = async (browser: Browser) =>
    (await browser.visit('/sign-in')).headers.get('location') === '/account'

  it('WebAuthn §1.3.3 – sign their person in, from a page that stored nothing', async () => {
    const ada = await withPasskey('ada@passkeys.example')
    const browser = createBrowser(signet)
    const ceremonies = async () => deployment.database.run(sql => sql`select 1 from signet.ceremonies`)
    const before = await ceremonies()
    const page = await browser.visit('/sign-in')
    expect(passkeyRequestOf(page)).toMatchObject({ allowCredentials: [], userVerification: 'required' })
    expect(await ceremonies()).toEqual(before)
    const signedIn = await answer(browser, page, ada)
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/account'])
    expect(await isSignedIn(browser)).toBe(true)
  })

  it('WebAuthn §13.4.3 – are asked for with another challenge on each page', async () => {
    const browser = createBrowser(signet)
    const challenges = await Promise.all(
      [1, 2, 3].map(async () => passkeyRequestOf(await browser.visit('/sign-in')).challenge),
    )
    expect(new Set(challenges).size).toBe(3)
  })

  it.each<[string, Bent]>([
    ['of another origin', { origin: 'https://evil.example' }],
    ['for another relying party', { rp_id: 'evil.example' }],
    ['under another challenge', { challenge: Buffer.alloc(32).toString('base64url') }],
    ['without a verified person', { flags: 1 }],
    ['without a user handle', { userHandle: '' }],
    ['that is not here', { id: 'AAAA' }],
  ])('sign no one in with an assertion %s, and say so', async (what, bent) => {
    const authenticator = await withPasskey(`${what.replaceAll(' ', '-')}@passkeys.example`)
    const browser = createBrowser(signet)
    const refused = await answer(browser, await browser.visit('/sign-in'), authenticator, bent)
    expect([refused.status, alertIn(refused)]).toEqual([
      401,
      expect.stringContaining('could not be verified'),
    ])
    expect(await isSignedIn(browser)).toBe(false)
    expect((await answer(browser, refused, authenticator)).status).toBe(303)
  })

  it.each(['{', '[]', '{"id":"x"}'])('take %s for no assertion', async passkey => {
    const browser = createBrowser(signet)
    const refused = await browser.submit(await browser.visit('/sign-in'), { passkey })
    expect(refused.status).toBe(401)
  })

  it('work once for each page, also where the authenticator does not count', async () => {
    const authenticator = await withPasskey('once@passkeys.example', createAuthenticator({ counts: false }))
    const browser = createBrowser(signet)
    const page = await browser.visit('/sign-in')
    const passkey = JSON.stringify(authenticator.get(passkeyRequestOf(page)))
    const all = await Promise.all([1, 2, 3, 4].map(() => browser.submit(page, { passkey })))
    expect(all.map(({ status }) => String(status)).toSorted()).toEqual(['303', '401', '401', '401'])
    expect(await isSignedIn(browser)).toBe(true)
    const again = await browser.submit(page, { passkey })
    expect([again.status, alertIn(again)]).toEqual([401, 'This page was used already. Please try again.'])
  })

  it('are worth nothing with the page of another browser', async () => {
    const authenticator = await withPasskey('other@passkeys.example')
    const browser = createBrowser(signet)
    const page = await browser.visit('/sign-in')
    const other = createBrowser(signet)
    const own = await other.visit('/sign-in')
    expect((await answer(other, page, authenticator)).status).toBe(400)
    const passkey = JSON.stringify(authenticator.get(passkeyRequestOf(page)))
    expect((await other.submit(own, { passkey })).status).toBe(401)
    expect(await isSignedIn(other)).toBe(false)
  })

  it('are a second factor after the password, also when the page is loaded again', async () => {
    const authenticator = await withPasskey('second@passkeys.example')
    const browser = createBrowser(signet)
    const credentials = { email: 'second@passkeys.example', password: PASSWORD }
    const asked = await browser.submit(await browser.visit('/sign-in'), credentials)
    await browser.follow(asked)
    const page = await browser.follow(asked)
    expect(titleOf(page)).toBe('Two-step verification')
    expect(page.text).toContain('Confirm with your passkey')
    expect(passkeyRequestOf(page)['allowCredentials']).toHaveLength(1)
    const stranger = createAuthenticator()
    const refused = await answer(browser, page, stranger)
    expect([refused.status, refused.text]).toEqual([401, expect.stringContaining('Try another one')])
    expect(await isSignedIn(browser)).toBe(false)
    const signedIn = await answer(browser, refused, authenticator)
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/account'])
    expect(await isSignedIn(browser)).toBe(true)
  })

  it('are counted as passwords are, and the page says when to come back', async () => {
    const limited = await start(deployment, time, { RATE_LIMIT_LOGIN: '1/600' })
    const browser = createBrowser(limited)
    const page = await browser.visit('/sign-in')
    expect((await browser.submit(page, { passkey: '{}' })).status).toBe(401)
    const refused = await browser.submit(page, { passkey: '{}' })
    expect([refused.status, alertIn(refused)]).toEqual([
      429,
      expect.stringMatching(/You can try again in \d+ (?:minutes|seconds)\./),
    ])
    await limited.close()
  })
})
