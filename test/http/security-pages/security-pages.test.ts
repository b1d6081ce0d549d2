import { decodeQR } from 'qr/decode.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { createAuthenticator } from '../../support/accounts/authenticator.ts'
import { codesOf } from '../../support/accounts/factors.ts'
import { NEW_PASSWORD, type Post, SUBJECTS, startWithMail } from '../../support/accounts/mail.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import {
  type Browser,
  createBrowser,
  type OpenPage,
  titleOf,
  unescapeHtml,
} from '../../support/pages/plain-browser.ts'

const SECURITY = '/account/security'

/** The picture of the QR code, four pixels a module, read as a telephone reads it. */
const readQrCode = (page: string): string => {
  const scale = 4
  const [, modules = '', path = ''] =
    /<svg class="qr" viewBox="0 0 (\d+) \d+"[^>]*><path d="([^"]+)"/.exec(page) ?? []
  const size = Number(modules) * scale
  const data = new Uint8Array(size * size * 4).fill(255)
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
    for (let row = Number(y) * scale; row < (Number(y) + 1) * scale; row++)
      for (let column = Number(x) * scale; column < (Number(x) + Number(length)) * scale; column++)
        data.fill(0, (row * size + column) * 4, (row * size + column) * 4 + 3)
  return decodeQR({ width: size, height: size, data })
}

describe('the security page', () => {
  const time = createClock()
  let deployment: Deployment
  let post: Post
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment([])
    post = await startWithMail(deployment, {
      clock: time.clock,
      environment: { RATE_LIMIT_SECOND_FACTOR: 'off' },
    })
    signet = post.signet
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })

  const signIn = async (email: string, password = PASSWORD, at = signet) => {
    const browser = createBrowser(at)
    const answer = await browser.submit(await browser.visit('/sign-in'), { email, password })
    return { browser, email, answer }
  }
  const person = async () => {
    time.reset()
    const email = newEmail()
    await signUp(signet, email)
    return signIn(email)
  }
  /** Sends the form of the card, and not that of the button which signs out. */
  const send = (browser: Browser, page: OpenPage, fields: Readonly<Record<string, string>> = {}) =>
    browser.submit({ ...page, text: page.text.slice(page.text.indexOf('<main>')) }, fields)
  const isSignedIn = async (browser: Browser) => (await browser.visit(SECURITY)).status === 200
  /** Every form says in which language its page is, and so does where its answer leads. */
  const leadsTo = ({ status, headers }: OpenPage) => [
    status,
    headers.get('location')?.replace(/[?&]ui_locales=en/, ''),
  ]
  const secretOn = ({ text }: OpenPage) =>
    /class="secret-key">([^<]+)</.exec(text)?.[1]?.replaceAll(' ', '') ?? ''
  const codesOn = ({ text }: OpenPage) =>
    [...text.matchAll(/<li><code>([^<]+)<\/code>/g)].map(([, code = '']) => code)
  /** Turns an authenticator application on, and moves the clock to its next code. */
  const turnOn = async (browser: Browser) => {
    const page = await browser.visit(`${SECURITY}/authenticator`)
    const code = codesOf(secretOn(page), time)
    const done = await send(browser, page, { code: code() })
    expect(done.status).toBe(200)
    time.advance(30)
    return { code, recovery_codes: codesOn(done) }
  }
  type Creation = Parameters<ReturnType<typeof createAuthenticator>['create']>[0]
  const creationOn = ({ text }: OpenPage): Creation =>
    JSON.parse(unescapeHtml(/data-create="([^"]*)"/.exec(text)?.[1] ?? ''))
  const addPasskey = async (browser: Browser, label = 'My phone') => {
    const authenticator = createAuthenticator()
    const page = await browser.visit(`${SECURITY}/passkeys`)
    const passkey = JSON.stringify(authenticator.create(creationOn(page)))
    return { authenticator, done: await send(browser, page, { passkey, label }) }
  }
  const passkeyAnswer = (
    page: OpenPage,
    { get }: Pick<ReturnType<typeof createAuthenticator>, 'get'>,
  ): Readonly<Record<string, string>> => {
    const options = JSON.parse(unescapeHtml(/data-passkey="([^"]*)"/.exec(page.text)?.[1] ?? ''))
    return { passkey: JSON.stringify(get(options)) }
  }

  describe('the password', () => {
    it('is changed with the current one, which ends every other sign-in and renews this session', async () => {
      const { browser, email } = await person()
      const bystander = await person()
      const elsewhere = (await signIn(email)).browser
      const api = await signet.ask('/auth/login', { body: { email, password: PASSWORD } })
      const page = await browser.visit(`${SECURITY}/password`)
      const wrong = await send(browser, page, { current_password: 'another', new_password: NEW_PASSWORD })
      expect([wrong.status, wrong.text]).toEqual([
        401,
        expect.stringContaining('id="current_password-fault"'),
      ])
      const short = await send(browser, wrong, { current_password: PASSWORD, new_password: 'short' })
      expect([short.status, short.text]).toEqual([422, expect.stringContaining('id="new_password-fault"')])
      expect(short.text).not.toContain(PASSWORD)
      const done = await send(browser, short, { current_password: PASSWORD, new_password: NEW_PASSWORD })
      expect(leadsTo(done)).toEqual([303, `${SECURITY}?done=changed`])
      expect(done.headers.getSetCookie().join()).toMatch(/signet-session=signet_bs_/)
      expect((await browser.follow(done)).text).toContain('Your change is saved.')
      expect(await isSignedIn(elsewhere)).toBe(false)
      expect((await signet.ask('/auth/me', { token: api.body.access_token })).status).toBe(401)
      expect(await isSignedIn(bystander.browser)).toBe(true)
      expect((await signIn(email)).answer.status).toBe(401)
      expect((await signIn(email, NEW_PASSWORD)).answer.status).toBe(303)
      await post.mailbox.mailTo(email, SUBJECTS.passwordChanged)
    })

    it('of two changes at once, at two instances, is changed by one', async () => {
      const { browser, email } = await person()
      const other = await deployment.start({ clock: time.clock })
      const elsewhere = (await signIn(email, PASSWORD, other)).browser
      const passwords = [NEW_PASSWORD, 'a third lantern for the pier']
      const tabs = await Promise.all(
        [browser, elsewhere].map(async (each, which) => {
          const page = await each.visit(`${SECURITY}/password`)
          return { each, page, new_password: passwords[which] ?? '' }
        }),
      )
      const answers = await Promise.all(
        tabs.map(({ each, page, new_password }) =>
          send(each, page, { current_password: PASSWORD, new_password }),
        ),
      )
      const changed = answers.map(answer => leadsTo(answer).join() === `303,${SECURITY}?done=changed`)
      expect(changed.filter(Boolean)).toHaveLength(1)
      const signIns = await Promise.all(passwords.map(each => signIn(email, each)))
      expect(signIns.map(({ answer }) => answer.status === 303)).toEqual(changed)
      await other.close()
    })
  })

  describe('the authenticator application', () => {
    it('is set up by a key, confirmed by its code, and asked for from then on', async () => {
      const { browser, email } = await person()
      const elsewhere = (await signIn(email)).browser
      const page = await browser.visit(`${SECURITY}/authenticator`)
      const uri = readQrCode(page.text)
      expect(uri).toContain(encodeURIComponent(email))
      expect(new URL(uri).searchParams.get('secret')).toBe(secretOn(page))
      expect(page.text).toContain(`href="${uri.replaceAll('&', '&#38;')}"`)
      const wrong = await send(browser, page, { code: '000000' })
      expect([wrong.status, secretOn(wrong)]).toEqual([422, secretOn(page)])
      const code = codesOf(secretOn(page), time)
      const done = await send(browser, wrong, { code: code() })
      expect([done.status, codesOn(done).length]).toEqual([200, 10])
      expect(await isSignedIn(elsewhere)).toBe(false)
      const overview = await browser.visit(SECURITY)
      expect(overview.text).toContain('10 left')
      expect((await signIn(email)).answer.headers.get('location')).toContain('/sign-in?request=')
      await post.mailbox.mailTo(email, SUBJECTS.factorsChanged)
      // The session has proved both: the next change asks for no proof.
      expect((await browser.visit(`${SECURITY}/authenticator/remove`)).status).toBe(200)
    })

    it('has another key after five wrong codes', async () => {
      const { browser } = await person()
      let page = await browser.visit(`${SECURITY}/authenticator`)
      const secret = secretOn(page)
      for (let tries = 0; tries < 5; tries++) page = await send(browser, page, { code: '000000' })
      expect(secretOn(page)).toBe(secret)
      page = await send(browser, page, { code: codesOf(secret, time)() })
      expect([page.status, page.text]).toEqual([401, expect.stringContaining('Here is a new key')])
      expect(secretOn(page)).not.toBe(secret)
      expect((await send(browser, page, { code: codesOf(secretOn(page), time)() })).status).toBe(200)
    })

    it('is removed by a person who proves both factors again, and comes back to where they were', async () => {
      const { browser, email } = await person()
      const { code } = await turnOn(browser)
      time.advance(600)
      const asked = await browser.visit(`${SECURITY}/authenticator/remove`)
      expect(leadsTo(asked)).toEqual([303, expect.stringMatching(/^\/sign-in\?request=/)])
      const page = await browser.follow(asked)
      expect([titleOf(page), page.text]).toEqual(['Confirm that it is you', expect.stringContaining(email)])
      const wrong = await browser.submit(page, { password: 'another' })
      expect([wrong.status, titleOf(wrong)]).toEqual([401, 'Confirm that it is you'])
      const second = await browser.follow(await browser.submit(wrong, { password: PASSWORD }))
      time.reset()
      const back = await browser.submit(second, { code: code(1) })
      expect(leadsTo(back)).toEqual([303, `${SECURITY}/authenticator/remove`])
      const removal = await browser.follow(back)
      expect(titleOf(removal)).toBe(email)
      expect(leadsTo(await send(browser, removal))).toEqual([303, `${SECURITY}?done=changed`])
      expect((await browser.visit(SECURITY)).text).not.toContain('Recovery codes')
      expect(leadsTo((await signIn(email)).answer)).toEqual([303, '/account'])
    })

    it('is not removed by a form whose session has grown old', async () => {
      const { browser } = await person()
      await turnOn(browser)
      const page = await browser.visit(`${SECURITY}/authenticator/remove`)
      time.advance(600)
      const late = await send(browser, page)
      expect(leadsTo(late)).toEqual([303, expect.stringMatching(/^\/sign-in\?request=/)])
      expect((await browser.visit(SECURITY)).text).toContain('10 left')
    })
  })

  describe('passkeys', () => {
    it('are added, renamed and removed', async () => {
      const { browser, email } = await person()
      const { authenticator, done } = await addPasskey(browser, '<My> phone')
      expect(codesOn(done)).toHaveLength(10)
      const overview = await browser.visit(SECURITY)
      expect(overview.text).toContain('&#60;My&#62; phone')
      const accepted = JSON.parse(unescapeHtml(/data-accepted="([^"]*)"/.exec(overview.text)?.[1] ?? ''))
      expect(accepted.allAcceptedCredentialIds).toEqual([authenticator.id])
      const name = await browser.visit(`${SECURITY}/passkeys/${authenticator.id}`)
      const blank = await send(browser, name, { label: ' ' })
      expect(blank.status).toBe(422)
      expect(leadsTo(await send(browser, name, { label: 'Blue phone' }))).toEqual([
        303,
        `${SECURITY}?done=renamed`,
      ])
      expect((await browser.visit(SECURITY)).text).toContain('Blue phone')
      const alone = createBrowser(signet)
      const page = await alone.visit('/sign-in')
      expect(leadsTo(await alone.submit(page, passkeyAnswer(page, authenticator)))).toEqual([303, '/account'])
      const removal = await browser.visit(`${SECURITY}/passkeys/${authenticator.id}/remove`)
      expect(removal.text).toContain('It is your last one')
      expect((await send(browser, removal)).status).toBe(303)
      expect(await isSignedIn(alone)).toBe(false)
      expect((await browser.visit(SECURITY)).text).not.toContain('Blue phone')
      await post.mailbox.mailTo(email, SUBJECTS.factorsChanged, 2)
    })

    it('are refused under the challenge of another page, and another one may be made', async () => {
      const { browser } = await person()
      const stranger = await person()
      const page = await browser.visit(`${SECURITY}/passkeys`)
      const theirs = await stranger.browser.visit(`${SECURITY}/passkeys`)
      const passkey = JSON.stringify(createAuthenticator().create(creationOn(theirs)))
      const refused = await send(browser, page, { passkey, label: 'x' })
      expect([refused.status, refused.text]).toEqual([422, expect.stringContaining('could not be verified')])
      const again = JSON.stringify(createAuthenticator().create(creationOn(refused)))
      expect(codesOn(await send(browser, refused, { passkey: again, label: 'x' }))).toHaveLength(10)
    })

    it('of another person confirm nothing, and sign no one in', async () => {
      const { browser, email } = await person()
      const { authenticator } = await addPasskey(browser)
      const stranger = await person()
      const theirs = await addPasskey(stranger.browser)
      time.advance(600)
      const removal = `${SECURITY}/passkeys/${authenticator.id}/remove`
      const page = await browser.follow(await browser.visit(removal))
      const refused = await browser.submit(page, passkeyAnswer(page, theirs.authenticator))
      expect(refused.status).toBe(401)
      expect((await browser.visit(SECURITY)).text).toContain(email)
      time.reset()
      const confirmed = await browser.submit(refused, passkeyAnswer(refused, authenticator))
      expect(leadsTo(confirmed)).toEqual([303, removal])
      expect((await browser.follow(confirmed)).status).toBe(200)
      expect(await isSignedIn(stranger.browser)).toBe(true)
    })

    it('are renamed and removed by their person alone', async () => {
      const { browser } = await person()
      const { authenticator } = await addPasskey(browser)
      const stranger = await person()
      await addPasskey(stranger.browser)
      for (const path of ['', '/remove']) {
        const page = await stranger.browser.visit(`${SECURITY}/passkeys/${authenticator.id}${path}`)
        expect(leadsTo(page)).toEqual([303, SECURITY])
      }
      expect((await browser.visit(SECURITY)).text).toContain('My phone')
    })
  })

  it('makes recovery codes anew, which voids the former ones, and shows them once', async () => {
    const { browser, email } = await person()
    const { recovery_codes } = await turnOn(browser)
    const page = await browser.visit(`${SECURITY}/recovery-codes`)
    const made = await send(browser, page)
    expect([made.status, codesOn(made).length]).toEqual([200, 10])
    const again = await send(browser, page)
    expect([again.status, codesOn(again)]).toEqual([409, []])
    const enter = async (code: string) => {
      const { browser: other, answer } = await signIn(email)
      return (await other.submit(await other.follow(answer), { code })).status
    }
    expect(await enter(recovery_codes[0] ?? '')).toBe(401)
    expect(await enter(codesOn(made)[0] ?? '')).toBe(303)
  })

  it('makes sense to a person without a password', async () => {
    const { browser, email } = await person()
    const { authenticator } = await addPasskey(browser)
    await deployment.database.sql`update signet.users set password_digest = null where email = ${email}`
    const overview = await browser.visit(SECURITY)
    expect(overview.text).toContain('Set a password by mail')
    expect(leadsTo(await browser.visit(`${SECURITY}/password`))).toEqual([303, SECURITY])
    const removal = await browser.visit(`${SECURITY}/passkeys/${authenticator.id}/remove`)
    expect(removal.text).toContain('the only way to sign in')
    time.advance(600)
    const page = await browser.follow(await browser.visit(`${SECURITY}/recovery-codes`))
    expect(page.text).not.toContain('name="password"')
    time.reset()
    const confirmed = await browser.submit(page, passkeyAnswer(page, authenticator))
    expect(leadsTo(confirmed)).toEqual([303, `${SECURITY}/recovery-codes`])
  })

  it('refuses a form of another site, of another person, and without its content', async () => {
    const { browser } = await person()
    const stranger = await person()
    const page = await browser.visit(`${SECURITY}/authenticator`)
    const theirs = await stranger.browser.visit(`${SECURITY}/authenticator`)
    const code = codesOf(secretOn(page), time)
    const fields = { code: code() }
    const main = { ...page, text: page.text.slice(page.text.indexOf('<main>')) }
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    expect((await browser.submit(main, fields, foreign)).status).toBe(403)
    expect((await stranger.browser.submit(main, fields)).status).toBe(400)
    const plain = await browser.visit(`${SECURITY}/password`)
    const empty = /name="request" value="([^"]+)"/.exec(plain.text.slice(plain.text.indexOf('<main>')))?.[1]
    expect((await browser.submit(main, { ...fields, request: empty ?? '' })).status).toBe(400)
    expect((await send(browser, page, fields)).status).toBe(200)
    const codeOfTheirs = codesOf(secretOn(theirs), time)
    expect((await send(stranger.browser, theirs, { code: codeOfTheirs() })).status).toBe(200)
  })

  it('stays in the language of the person on the way through the proof', async () => {
    const { browser } = await person()
    time.advance(600)
    const asked = await browser.visit(`${SECURITY}/authenticator?ui_locales=de`)
    const page = await browser.follow(asked)
    expect(titleOf(page)).toBe('Bestätigen Sie, dass Sie es sind')
    time.reset()
    const back = await browser.submit(page, { password: PASSWORD })
    expect(back.headers.get('location')).toBe(`${SECURITY}/authenticator?ui_locales=de`)
  })

  it('is where password managers lead, by way of the sign-in', async () => {
    const { email } = await person()
    const browser = createBrowser(signet)
    const change = await browser.visit('/.well-known/change-password')
    expect(leadsTo(change)).toEqual([303, SECURITY])
    const page = await browser.follow(await browser.follow(change))
    expect(leadsTo(await browser.submit(page, { email, password: PASSWORD }))).toEqual([303, SECURITY])
    const { body } = await signet.fetch('/.well-known/passkey-endpoints')
    const url = `${signet.issuer}${SECURITY}`
    expect(body).toEqual({ enroll: url, manage: url })
  })

  it('leads to the plain sign-in from an address that is too long to be sealed', async () => {
    const { status, headers } = await createBrowser(signet).visit(`${SECURITY}/passkeys/${'x'.repeat(2000)}`)
    expect([status, headers.get('location')]).toEqual([303, '/sign-in'])
  })
})
