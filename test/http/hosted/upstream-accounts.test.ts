import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { outcomeOf, signIn, signUp } from '../../support/accounts/account-api.ts'
import { withTotp } from '../../support/accounts/factors.ts'
import { type Post, startWithMail } from '../../support/accounts/mail.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { type Deployment, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { createPerson, fieldOf, headingOf, type Person, type Shown } from '../../support/pages/person.ts'
import { openProvider, type Provider, sendJson } from '../../support/upstream/provider.ts'
import { createVisitor, pathOf, pressUpstream, writeUpstreams } from '../../support/upstream/upstreams.ts'

const ADDRESS = /[\w.+-]+@[\w-]+\.(?:com|example)/

describe('an account and its identities at other providers', () => {
  let provider: Provider
  let deployment: Deployment
  let post: Post
  let upstreams: ReturnType<typeof writeUpstreams>
  const time = createClock()
  beforeAll(async () => {
    provider = await openProvider(time.clock)
    const common = {
      client_id: 'signet',
      client_secret: 'a secret',
      create_accounts: true,
      trust_email: true,
    }
    upstreams = writeUpstreams([
      { id: 'harbour', issuer: provider.offer('harbour'), label: 'Harbour', ...common },
      { id: 'pier', issuer: provider.offer('pier'), label: 'Pier', ...common },
      {
        id: 'github',
        type: 'github',
        issuer: provider.origin,
        api_url: `${provider.origin}/api`,
        label: 'GitHub',
        ...common,
      },
    ])
    deployment = await openDeployment()
    post = await startWithMail(deployment, { environment: upstreams.environment, clock: time.clock })
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
    await provider.close()
    upstreams.remove()
  })

  beforeEach(() => time.reset())

  const person = (email = newEmail()) => ({ sub: `sub of ${email}`, email, email_verified: true })
  const callbackOf = (id: string, parameters: Readonly<Record<string, string>>) =>
    `http://localhost/sign-in/upstream/${id}?${new URLSearchParams(parameters).toString()}`
  /** Of a person who signs in at the provider at this moment, as it says. */
  const signingIn = (claims: Readonly<Record<string, unknown>>) => ({
    claims: { auth_time: Math.floor(time.clock().getTime() / 1000), ...claims },
  })
  const visit = async (id: string, claims: Readonly<Record<string, unknown>>) => {
    const visitor = createVisitor(post.signet)
    const answer = provider.tell(await visitor.leave(id), signingIn(claims))
    const shown = await visitor.comeBack(callbackOf(id, answer))
    return { browser: visitor.person, shown }
  }
  const accountOf = async ({ open }: Person) => ADDRESS.exec((await open('/account')).text)?.[0] ?? null
  const identityPathOf = ({ text }: Pick<Shown, 'text'>) =>
    /href="(\/account\/security\/identities\/[\w-]+)/.exec(text)?.[1] ?? ''
  it('has a profile, and no method of this server', async () => {
    const claims = { ...person(), name: 'Ada Harbour', picture: 'javascript:alert(1)', locale: 'de-CH' }
    const { browser } = await visit('harbour', claims)
    const page = await browser.open('/account')
    expect(page.text).toContain('Ada Harbour')
    expect(page.text).not.toContain('javascript:alert')
    const [session] = await deployment.database.run(
      sql => sql<{ amr: string[] }[]>`
        select s.amr from signet.browser_sessions s join signet.users u on u.id = s.user_id where u.email = ${claims.email}`,
    )
    expect(session?.amr).toEqual([])
  })

  it('is asked for its second factor, and has then that method and not a password', async () => {
    const email = newEmail()
    const { code } = await withTotp(post.signet, time, email)
    const { browser, shown } = await visit('harbour', person(email))
    const second = await browser.follow(await browser.submit(shown, { password: PASSWORD }))
    expect(second.text).toContain('name="code"')
    await browser.follow(await browser.submit(second, { code: code() }))
    expect(await accountOf(browser)).toBe(email)
    time.advance(30)
    const again = await visit('harbour', person(email))
    expect(await accountOf(again.browser)).not.toBe(email)
    await again.browser.follow(await again.browser.submit(again.shown, { code: code() }))
    time.advance(30)
    expect(await accountOf(again.browser)).toBe(email)
    const sessions = await deployment.database.run(
      sql => sql<{ amr: string[] }[]>`
        select s.amr from signet.browser_sessions s join signet.users u on u.id = s.user_id
        where u.email = ${email} order by s.auth_time desc limit 1`,
    )
    expect(sessions).toEqual([{ amr: ['otp', 'mfa'] }])
  })

  it('that is disabled is refused', async () => {
    const claims = person()
    await visit('harbour', claims)
    await deployment.database.run(
      sql => sql`update signet.users set disabled_at = now() where email = ${claims.email}`,
    )
    const { browser, shown } = await visit('harbour', claims)
    expect(headingOf(shown)).toBe('There is no account for you here')
    expect(await accountOf(browser)).toBeNull()
  })

  /** Sends the form of an account page, which has the one that signs out before it. */
  const act = (browser: Person, page: Pick<Shown, 'text'>, path: string, fields = {}) => {
    const [, form = ''] = page.text.split(`action="${path}`)
    const own = { origin: post.signet.issuer, 'sec-fetch-site': 'same-origin' }
    return browser.post(path, { request: fieldOf({ text: form }, 'request') ?? '', ...fields }, own)
  }
  const CONNECT = '/account/security/upstream/harbour'

  describe('on its security page', () => {
    /** A person with a password, who has just connected an identity. */
    const connected = async (claims = person()) => {
      const browser = createPerson(post.signet)
      const email = newEmail()
      await browser.signUp(await browser.open('/sign-in'), email)
      const away = await act(browser, await browser.open(CONNECT), CONNECT)
      const answer = provider.tell(away.location ?? '', { claims })
      const shown = await browser.follow(await browser.open(pathOf(callbackOf('harbour', answer))))
      return { browser, email, claims, shown }
    }

    it('is connected by its owner, who gets a mail, and is found from then on', async () => {
      const { email, claims, shown } = await connected()
      expect(shown.text).toContain('It is connected')
      expect((await post.mailbox.mailTo(email, /sign in with Harbour now/)).text).toContain('Harbour')
      expect(await accountOf((await visit('harbour', claims)).browser)).toBe(email)
    })

    it('gets no identity of another account, and none in the session of another person', async () => {
      const { claims } = await connected()
      expect(headingOf((await connected(claims)).shown)).toBe('This identity belongs to another account')

      const browser = createPerson(post.signet)
      await browser.signUp(await browser.open('/sign-in'), newEmail())
      const away = await act(browser, await browser.open(CONNECT), CONNECT)
      const answer = provider.tell(away.location ?? '', { claims: person() })
      for (const name of [...browser.jar.keys()].filter(each => each.includes('session')))
        browser.jar.delete(name)
      await browser.signUp(await browser.open('/sign-in'), newEmail())
      const shown = await browser.follow(await browser.open(pathOf(callbackOf('harbour', answer))))
      expect(headingOf(shown)).toBe('This sign-in is over')
    })

    it('is disconnected: every other sign-in ends, and a mail tells it', async () => {
      const { browser, email, claims } = await connected()
      const elsewhere = (await visit('harbour', claims)).browser
      const path = identityPathOf(await browser.open('/account/security'))
      const shown = await browser.follow(await act(browser, await browser.open(path), path))
      expect(shown.text).toContain('Every other device')
      expect(await accountOf(browser)).toBe(email)
      expect(await accountOf(elsewhere)).toBeNull()
      expect((await post.mailbox.mailTo(email, /no longer sign in with Harbour/)).text).toContain('Harbour')
      expect(await accountOf((await visit('harbour', claims)).browser)).not.toBe(email)
    })

    it('keeps its last way in, by the page and by a request that the page does not offer', async () => {
      const { browser } = await visit('harbour', person())
      const overview = await browser.open('/account/security')
      const path = identityPathOf(overview)
      expect((await browser.open(path)).text).toContain('last way to sign in')
      const pier = '/account/security/upstream/pier'
      const form = (await browser.open(pier)).text.replaceAll(pier, path)
      await act(browser, { text: form }, path)
      expect(identityPathOf(await browser.open('/account/security'))).toBe(path)
    })

    it('is offered for no provider that is connected already, and for it again when it is not', async () => {
      const { browser } = await connected()
      const overview = await browser.open('/account/security')
      expect(overview.text).not.toContain('>Connect Harbour<')
      expect(overview.text).toContain('>Connect Pier<')
      expect((await browser.open(CONNECT)).location).toBe('/account/security')
      const path = identityPathOf(overview)
      const removed = await browser.follow(await act(browser, await browser.open(path), path))
      expect(removed.text).toContain('>Connect Harbour<')
    })

    it('leaves a passkey removable, and is itself the last way in once the passkey is gone', async () => {
      const claims = person()
      const { browser } = await visit('harbour', claims)
      const id = `passkey-of-${claims.email}`
      await deployment.database.run(
        sql => sql`
          insert into signet.passkeys (id, user_id, public_key, counter, transports, backup_eligible, backed_up, label)
          select ${id}, id, '\\x00', 0, '{}', false, false, 'Key' from signet.users where email = ${claims.email}`,
      )
      await deployment.database.run(
        sql => sql`
          update signet.browser_sessions set amr = '{hwk,mfa}'
          where user_id = (select id from signet.users where email = ${claims.email})`,
      )
      const removal = `/account/security/passkeys/${encodeURIComponent(id)}/remove`
      const page = await browser.open(removal)
      expect(page.text).not.toContain('the only way to sign in')
      const identity = identityPathOf(await browser.open('/account/security'))
      expect((await browser.open(identity)).text).not.toContain('last way to sign in')
      await act(browser, page, removal)
      expect((await browser.open(identity)).text).toContain('last way to sign in')
    })

    it('is listed and removed by the account API, with a proof and never as the last way in', async () => {
      const { browser, email, claims } = await connected()
      const tokens = await signIn(post.signet, email)
      const ask = (method: 'GET' | 'DELETE', path: string, body?: Readonly<Record<string, string>>) =>
        post.signet.ask(path, { method, token: tokens.access_token, ...(body === undefined ? {} : { body }) })
      const listed = await ask('GET', '/auth/identities')
      const shown = { issuer: `${provider.origin}/harbour`, subject: claims.sub, label: 'Harbour' }
      expect(listed.body).toMatchObject({ identities: [{ ...shown, email: claims.email }] })
      const path = identityPathOf(await browser.open('/account/security')).replace(
        '/account/security',
        '/auth',
      )
      expect(outcomeOf(await ask('DELETE', path))).toBe('401 AUTH_STEP_UP_REQUIRED')
      const proof = { current_password: PASSWORD }
      const none = await ask('DELETE', '/auth/identities/018f0000-0000-7000-8000-000000000000', proof)
      expect(outcomeOf(none)).toBe('404 NOT_FOUND')

      const stranger = await signUp(post.signet, newEmail())
      const foreign = await post.signet.ask(path, {
        method: 'DELETE',
        token: stranger.access_token,
        body: proof,
      })
      expect(outcomeOf(foreign)).toBe('404 NOT_FOUND')
      const digest = await deployment.database.run(
        sql => sql<{ password_digest: string }[]>`
          select password_digest from signet.users where email = ${email}`,
      )
      const setDigest = (given: string | null) =>
        deployment.database.run(
          sql => sql`update signet.users set password_digest = ${given} where email = ${email}`,
        )
      await setDigest(null)
      const { refresh_token } = tokens
      expect(outcomeOf(await ask('DELETE', path, { refresh_token }))).toBe('409 UPSTREAM_LAST_WAY')
      expect(await accountOf(browser)).toBe(email)
      await setDigest(digest[0]?.password_digest ?? null)
      expect((await ask('DELETE', path, proof)).status).toBe(204)
      expect((await ask('GET', '/auth/identities')).body).toEqual({ identities: [] })
      expect(await accountOf(browser)).toBeNull()
    })

    it('asks an account without a password to sign in at its provider again, as the same person', async () => {
      const claims = person()
      const { browser } = await visit('harbour', claims)
      time.advance(301)
      const confirm = await browser.follow(await browser.open('/account/security/upstream/pier'))
      expect(headingOf(confirm)).toBe('Confirm that it is you')
      const harbour = { id: 'harbour', issuer: post.signet.issuer }
      const away = await pressUpstream(browser, confirm, harbour)
      expect(new URL(away.location ?? '').searchParams.get('max_age')).toBe('0')
      const another = provider.tell(away.location ?? '', signingIn(person()))
      expect(
        headingOf(await browser.follow(await browser.open(pathOf(callbackOf('harbour', another))))),
      ).toBe('There is no account for you here')
      time.reset()
      const again = await pressUpstream(browser, confirm, harbour)
      const answer = provider.tell(again.location ?? '', signingIn(claims))
      const shown = await browser.follow(await browser.open(pathOf(callbackOf('harbour', answer))))
      expect(shown.text).toContain('>Connect Pier</h2>')
    })
  })

  it('is exported with its identities, and deleted with them', async () => {
    const claims = person()
    const { browser } = await visit('harbour', claims)
    const { text } = await act(browser, await browser.open('/account/data'), '/account/data')
    expect(JSON.parse(text)).toMatchObject({ identities: [{ subject: claims.sub, email: claims.email }] })
    const deletion = '/account/data/delete'
    await act(browser, await browser.open(deletion), deletion, { email: claims.email })
    const left = await deployment.database.run(
      sql => sql`select from signet.upstream_identities where subject = ${claims.sub}`,
    )
    expect(left).toHaveLength(0)
  })

  describe('at GitHub', () => {
    const atGithub = async (user: Readonly<Record<string, unknown>>, emails: unknown) => {
      provider.answer('/login/oauth/access_token', (response, _, body) =>
        sendJson(
          response,
          new URLSearchParams(body).get('code') === 'good'
            ? { access_token: 'gho_1', token_type: 'bearer', scope: '' }
            : { error: 'bad_verification_code' },
        ),
      )
      const isSigned = (authorization: string | undefined) => authorization === 'Bearer gho_1'
      provider.answer('/api/user', (response, { headers }) =>
        sendJson(response, user, isSigned(headers.authorization) ? 200 : 401),
      )
      provider.answer('/api/user/emails', (response, { headers }) =>
        sendJson(response, emails, isSigned(headers.authorization) ? 200 : 401),
      )
      const visitor = createVisitor(post.signet)
      const address = await visitor.leave('github')
      const state = new URL(address).searchParams.get('state') ?? ''
      return {
        address,
        visitor,
        back: (code: string) => visitor.comeBack(callbackOf('github', { code, state })),
      }
    }

    it('is the numeric id, whatever becomes of the login and the address', async () => {
      const email = newEmail()
      const emails = [
        { email: newEmail(), primary: false, verified: true },
        { email, primary: true, verified: true },
      ]
      const first = await atGithub({ id: 42, login: 'ada', name: null }, emails)
      expect(new URL(first.address).pathname).toBe('/login/oauth/authorize')
      expect(new URL(first.address).searchParams.get('code_challenge_method')).toBe('S256')
      await first.back('good')
      expect(await accountOf(first.visitor.person)).toBe(email)
      const renamed = await atGithub({ id: 42, login: 'eve' }, [])
      await renamed.back('good')
      expect(await accountOf(renamed.visitor.person)).toBe(email)
    })

    it('refuses a code that GitHub refuses with 200, and a person who has no address', async () => {
      const refused = await atGithub({ id: 43 }, [])
      expect(headingOf(await refused.back('bad'))).toBe('The sign-in was not confirmed')
      const nameless = await atGithub({ id: 43 }, [{ email: newEmail(), primary: false, verified: true }])
      expect(headingOf(await nameless.back('good'))).toBe('There is no account for you here')
    })
  })

  it('is asked for, proved and refused in the language that the person has chosen before', async () => {
    const email = newEmail()
    const owner = createPerson(post.signet)
    await owner.signUp(await owner.open('/sign-in'), email)
    const german = async (claims: Readonly<Record<string, unknown>> | null) => {
      const visitor = createVisitor(post.signet)
      const page = await visitor.person.open('/sign-in?ui_locales=de')
      expect(page.text).toContain('Weiter mit Harbour')
      const own = { origin: post.signet.issuer, 'sec-fetch-site': 'same-origin' }
      const request = fieldOf(page, 'request') ?? ''
      const away = await visitor.person.post('/sign-in/upstream/harbour?ui_locales=de', { request }, own)
      const answer = provider.tell(away.location ?? '', { claims: claims ?? {} })
      const given = claims === null ? { ...answer, code: 'wrong' } : answer
      return headingOf(await visitor.comeBack(callbackOf('harbour', given)))
    }
    expect(await german(person(email))).toBe('Ist das Ihr Konto?')
    expect(await german(null)).toBe('Die Anmeldung wurde nicht bestätigt')
    expect(await german({ sub: 'without an address' })).toBe('Hier gibt es kein Konto für Sie')
  })

  it('is asked for at the provider again by a person who changed their mind there', async () => {
    const visitor = createVisitor(post.signet)
    const address = await visitor.leave('harbour')
    const state = new URL(address).searchParams.get('state') ?? ''
    const shown = await visitor.comeBack(callbackOf('harbour', { error: 'access_denied', state }))
    expect(headingOf(shown)).toBe('Sign in')
  })
})
