import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { NEW_PASSWORD, type Post, SUBJECTS, startWithMail } from '../../support/accounts/mail.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { type Deployment, type Instance, ISSUER, openServedDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import {
  type Browser,
  createBrowser,
  linkNamed,
  type OpenPage,
  titleOf,
} from '../../support/pages/plain-browser.ts'
import { linkIn } from '../../support/services/mailbox.ts'

const [EMAIL, DATA, DELETION] = ['/account/email', '/account/data', '/account/data/delete']

/** The sign-in, and from there back to the page. */
const LEADS_TO_SIGN_IN = expect.stringMatching(/^\/sign-in\?request=/)

describe('a person with their address and their data', () => {
  const time = createClock()
  let deployment: Deployment
  let post: Post
  let signet: Instance
  let other: Instance
  beforeAll(async () => {
    deployment = await openServedDeployment([])
    post = await startWithMail(deployment, {
      clock: time.clock,
      environment: { RATE_LIMIT_MAIL: 'off', RATE_LIMIT_PASSWORD: '3/300' },
    })
    signet = post.signet
    other = await deployment.start()
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })

  const signIn = async (email: string, at = signet) => {
    const browser = createBrowser(at)
    const answer = await browser.submit(await browser.visit('/sign-in'), { email, password: PASSWORD })
    return { browser, email, answer }
  }
  const person = async () => {
    time.reset()
    const email = newEmail()
    const tokens = await signUp(signet, email)
    return { ...(await signIn(email)), tokens }
  }
  /** A sign-in of this moment is no longer fresh. The database says when it was, which may be later than the clock of the test. */
  const letTimePass = () => {
    time.reset()
    time.advance(301)
  }
  /** Sends the form that leads to a path, and not the one that signs out. */
  const send = (
    browser: Browser,
    { page, to }: Readonly<{ page: OpenPage; to: string }>,
    fields: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const text = page.text.slice(page.text.indexOf(`<form method="post" action="${to}?`))
    return browser.submit({ ...page, text }, fields, headers)
  }
  const ask = async (browser: Browser, new_email: string) =>
    send(browser, { page: await browser.visit(EMAIL), to: EMAIL }, { new_email })
  /** Every form says in which language its page is, and so does where its answer leads. */
  const leadsTo = ({ status, headers }: OpenPage) => [
    status,
    headers.get('location')?.replace(/[?&]ui_locales=en/, ''),
  ]
  const mailsTo = (email: string) =>
    post.mailbox.mails.filter(({ to }) => to?.[0]?.address === email).map(({ subject }) => subject ?? '')
  /** The page on which a person proves again who they are, and where the password leads. */
  const proveAgain = async (browser: Browser, led: OpenPage) => {
    expect(led.headers.get('location')).toMatch(/^\/sign-in\?request=/)
    const page = await browser.follow(led)
    expect(titleOf(page)).toBe('Confirm that it is you')
    time.reset()
    return browser.submit(page, { password: PASSWORD })
  }
  const isSignedIn = async (browser: Browser) => (await browser.visit(DATA)).status === 200

  describe('the e-mail address', () => {
    it('changes once the link at the new address is followed, and the old address is told', async () => {
      const [{ browser, email }, bystander] = [await person(), await person()]
      const new_email = newEmail()
      const profile = await browser.visit('/account')
      expect(linkNamed(profile, 'Change address')).toBe(`${EMAIL}?ui_locales=en`)
      const asked = await ask(browser, ` ${new_email.toUpperCase()} `)
      expect(asked.headers.get('location')).toMatch(/^\/account\/email\?sent=[\w-]+&ui_locales=en$/)
      const sent = await browser.follow(asked)
      expect(sent.text).toContain(`<strong>${new_email.toUpperCase()}</strong>`)
      expect(sent.text).toContain('Check your mail')
      expect((await browser.visit('/account')).text).toContain(`<strong>${email}</strong>`)
      const { url } = linkIn(await post.mailbox.mailTo(new_email, SUBJECTS.change))
      const elsewhere = createBrowser(signet)
      const link = await elsewhere.visit(url.slice(ISSUER.length))
      expect(titleOf(await elsewhere.submit(link, {}))).toBe('Your address is confirmed')
      await post.mailbox.mailTo(email, SUBJECTS.emailChanged)
      const after = await (await signIn(new_email)).browser.visit('/account')
      expect([after.text.includes(new_email), after.text.includes(email)]).toEqual([true, false])
      expect((await signIn(email)).answer.status).toBe(401)
      expect(await isSignedIn(bystander.browser)).toBe(true)
    })

    it('needs a fresh proof for the page and for its form, and mails nothing before', async () => {
      const { browser } = await person()
      const [early, late] = [newEmail(), newEmail()]
      expect((await ask(browser, early)).status).toBe(303)
      await post.mailbox.mailTo(early, SUBJECTS.change)
      const page = await browser.visit(EMAIL)
      letTimePass()
      const refused = await send(browser, { page, to: EMAIL }, { new_email: late })
      const back = await proveAgain(browser, refused)
      expect(leadsTo(back)).toEqual([303, EMAIL])
      letTimePass()
      expect(leadsTo(await proveAgain(browser, await browser.visit(EMAIL)))).toEqual([303, EMAIL])
      expect(mailsTo(late)).toEqual([])
      expect((await ask(browser, late)).status).toBe(303)
      await post.mailbox.mailTo(late, SUBJECTS.change)
    })

    it('is refused beside the field, and what was typed stays', async () => {
      const { browser, email } = await person()
      for (const [given, words] of [
        ['no address', 'This is not an e-mail address.'],
        [email.toUpperCase(), 'This is your address already.'],
      ] as const) {
        const page = await ask(browser, given)
        expect([page.status, page.text.includes('id="new_email-fault"')]).toEqual([422, true])
        expect(page.text).toContain(words)
        expect(page.text).toContain(`value="${given}"`)
      }
    })

    it('gets the same answer where another account has it, whose owner gets no mail of it', async () => {
      const [{ browser }, known] = [await person(), await person()]
      const [taken, free] = [await ask(browser, known.email), await ask(browser, newEmail())]
      const wordsOf = async (asked: OpenPage) =>
        (await browser.follow(asked)).text.replaceAll(
          /<main>|[\w.+-]+@[\w.]+|request=[\w-]+|value="[^"]*"|sent=[\w-]+/g,
          '',
        )
      expect(await wordsOf(taken)).toBe(await wordsOf(free))
      expect(mailsTo(known.email).filter(subject => SUBJECTS.change.test(subject))).toEqual([])
    })

    it('shows no words of a stranger, nor what was sealed for another session', async () => {
      const [{ browser }, stranger] = [await person(), await person()]
      const location = (await ask(stranger.browser, newEmail())).headers.get('location') ?? ''
      for (const path of [location, `${EMAIL}?sent=x`, `${EMAIL}?sent=${newEmail()}`]) {
        const page = await browser.visit(path)
        expect([page.status, page.text.includes('Check your mail')]).toEqual([400, false])
      }
      expect((await stranger.browser.visit(location)).status).toBe(200)
    })

    it('that is not verified gets its link again, without another proof', async () => {
      const { browser, email } = await person()
      await post.mailbox.mailTo(email, SUBJECTS.verify)
      letTimePass()
      const sent = await send(
        browser,
        { page: await browser.visit('/account'), to: EMAIL },
        { verify: 'yes' },
      )
      expect(leadsTo(sent)).toEqual([303, '/account?mailed='])
      expect((await browser.follow(sent)).text).toContain('A mail with a link is on its way.')
      const { url } = linkIn(await post.mailbox.mailTo(email, SUBJECTS.verify, 2))
      await browser.submit(await browser.visit(url.slice(ISSUER.length)), {})
      const page = await browser.visit('/account')
      expect([page.text.includes('>verified<'), page.text.includes('name="verify"')]).toEqual([true, false])
    })

    it('is counted with the mails of the account API, and says when to come back', async () => {
      time.reset()
      const limited = await startWithMail(deployment, { environment: { RATE_LIMIT_MAIL: '1/300' } })
      const email = newEmail()
      await signUp(limited.signet, email)
      const { browser } = await signIn(email, limited.signet)
      const new_email = newEmail()
      expect((await ask(browser, new_email)).status).toBe(303)
      const refused = await ask(browser, new_email)
      expect([refused.status, refused.headers.has('retry-after')]).toEqual([429, true])
      expect(refused.text).toContain('Too many requests.')
      expect(refused.text).toContain(`value="${new_email}"`)
      await limited.close()
    })

    it('stays where the server sends no mail', async () => {
      const email = newEmail()
      await signUp(other, email)
      const { browser } = await signIn(email, other)
      expect((await browser.visit('/account')).text).not.toContain(EMAIL)
      expect((await browser.visit(EMAIL)).status).toBe(404)
    })
  })

  describe('the data', () => {
    it('are downloaded as the account API exports them, by a form of the page alone', async () => {
      const { browser, email, tokens } = await person()
      const page = await browser.visit(DATA)
      const file = await send(browser, { page, to: DATA })
      expect([
        file.status,
        file.headers.get('content-disposition'),
        file.headers.get('cache-control'),
      ]).toEqual([200, 'attachment; filename="account.json"', 'no-store'])
      const { body } = await signet.ask('/auth/me/export', { token: tokens.access_token })
      const { exported_at: _, events, ...data } = body
      const exported = JSON.parse(file.text)
      expect(exported).toMatchObject({ ...data, account: { email } })
      expect(events).toEqual([expect.objectContaining({ kind: 'account.exported' }), ...exported.events])
      const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
      expect((await send(browser, { page, to: DATA }, {}, foreign)).status).toBe(403)
      expect((await send(browser, { page, to: DATA }, { request: 'x' })).status).toBe(400)
    })

    it('need a fresh proof, and the person comes back to the page', async () => {
      const { browser } = await person()
      letTimePass()
      const page = await browser.visit(DATA)
      expect(page.status).toBe(200)
      const back = await proveAgain(browser, await send(browser, { page, to: DATA }))
      expect(leadsTo(back)).toEqual([303, DATA])
      expect((await send(browser, { page: await browser.follow(back), to: DATA })).status).toBe(200)
    })

    it('are counted with the exports of the account API, and the page says when to come back', async () => {
      const { browser, tokens } = await person()
      const page = await browser.visit(DATA)
      for (const _ of [1, 2]) expect((await send(browser, { page, to: DATA })).status).toBe(200)
      const { status } = await signet.ask('/auth/me/export', { token: tokens.access_token })
      expect(status).toBe(200)
      const refused = await send(browser, { page, to: DATA })
      expect([refused.status, refused.headers.has('retry-after')]).toEqual([429, true])
      expect(refused.text).toContain('Too many requests.')
    })
  })

  describe('the account', () => {
    it('is deleted with everything, when its address is typed', async () => {
      const [{ browser, email, tokens }, bystander] = [await person(), await person()]
      const elsewhere = (await signIn(email)).browser
      const page = await browser.visit(DELETION)
      expect(linkNamed(await browser.visit(DATA), 'Delete account')).toBe(`${DELETION}?ui_locales=en`)
      for (const given of ['', bystander.email]) {
        const refused = await send(browser, { page, to: DELETION }, { email: given })
        expect([refused.status, refused.text.includes('id="email-fault"')]).toEqual([422, true])
      }
      expect(await isSignedIn(browser)).toBe(true)
      const done = await send(browser, { page, to: DELETION }, { email: ` ${email.toUpperCase()} ` })
      expect(leadsTo(done)).toEqual([303, '/account/deleted'])
      const cookies = done.headers.getSetCookie().join()
      expect(cookies).toMatch(/signet-session=;.*Max-Age=0/)
      expect(cookies).toMatch(/signet-device=;.*Max-Age=0/)
      expect(titleOf(await browser.follow(done))).toBe('Your account is deleted')
      expect([await isSignedIn(browser), await isSignedIn(elsewhere)]).toEqual([false, false])
      expect((await other.ask('/auth/me', { token: tokens.access_token })).status).toBe(401)
      expect((await signIn(email, other)).answer.status).toBe(401)
      expect(await isSignedIn(bystander.browser)).toBe(true)
      await signUp(signet, email)
    })

    it('is deleted by a fresh proof alone, of its own person and from a page of its own', async () => {
      const [{ browser, email }, stranger] = [await person(), await person()]
      const page = await browser.visit(DELETION)
      const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
      expect((await send(browser, { page, to: DELETION }, { email }, foreign)).status).toBe(403)
      expect((await send(stranger.browser, { page, to: DELETION }, { email })).status).toBe(400)
      letTimePass()
      const refused = await send(browser, { page, to: DELETION }, { email })
      expect(leadsTo(await proveAgain(browser, refused))).toEqual([303, DELETION])
      letTimePass()
      expect(leadsTo(await proveAgain(browser, await browser.visit(DELETION)))).toEqual([303, DELETION])
      expect([await isSignedIn(browser), await isSignedIn(stranger.browser)]).toEqual([true, true])
      const again = await browser.visit(DELETION)
      expect(leadsTo(await send(browser, { page: again, to: DELETION }, { email }))).toEqual([
        303,
        '/account/deleted',
      ])
    })

    it('is not deleted by a session that ended meanwhile', async () => {
      const { browser, email, tokens } = await person()
      const page = await browser.visit(DELETION)
      const body = { current_password: PASSWORD, new_password: NEW_PASSWORD }
      expect((await signet.ask('/auth/password', { body, token: tokens.access_token })).status).toBe(204)
      expect(leadsTo(await send(browser, { page, to: DELETION }, { email }))).toEqual([303, LEADS_TO_SIGN_IN])
      expect((await signet.ask('/auth/me', { token: tokens.access_token })).status).toBe(200)
    })

    it('ends once, of many deletions at once at two instances, and a sign-in meanwhile opens nothing that lives', async () => {
      const { browser, email } = await person()
      const second = await signIn(email, other)
      const pages = [await browser.visit(DELETION), await second.browser.visit(DELETION)] as const
      const [mine, theirs, late] = await Promise.all([
        send(browser, { page: pages[0], to: DELETION }, { email }),
        send(second.browser, { page: pages[1], to: DELETION }, { email }),
        signIn(email, other),
      ])
      expect(
        [mine, theirs].filter(each => each.headers.get('location')?.startsWith('/account/deleted')),
      ).toHaveLength(1)
      expect([mine.status, theirs.status]).toEqual([303, 303])
      expect(await isSignedIn(late.browser)).toBe(false)
    })
  })

  it.each([EMAIL, DATA, DELETION])('%s is for a person who is signed in', async path => {
    expect(leadsTo(await createBrowser(signet).visit(path))).toEqual([303, LEADS_TO_SIGN_IN])
  })
})
