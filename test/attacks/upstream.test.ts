import { UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { NEW_PASSWORD, type Post, reset, resetToken, startWithMail } from '../support/accounts/mail.ts'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { createClock } from '../support/effects.ts'
import { createPerson, headingOf, type Shown } from '../support/pages/person.ts'
import { openProvider, type Provider, sendJson, signedBy, type Told } from '../support/upstream/provider.ts'
import { createVisitor, writeUpstreams } from '../support/upstream/upstreams.ts'

const entry = (id: string, issuer: string, more: Readonly<Record<string, unknown>> = {}) => ({
  id,
  issuer,
  client_id: 'signet',
  client_secret: 'a secret',
  label: id,
  create_accounts: true,
  trust_email: true,
  ...more,
})

describe('a sign-in at another provider, attacked', () => {
  let provider: Provider
  let deployment: Deployment
  let post: Post
  let other: Instance
  let upstreams: ReturnType<typeof writeUpstreams>
  const time = createClock()
  beforeEach(() => time.reset())
  beforeAll(async () => {
    provider = await openProvider(time.clock)
    upstreams = writeUpstreams([
      entry('honest', provider.offer('honest', { authorization_response_iss_parameter_supported: true })),
      entry('second', provider.offer('second')),
      entry('wary', provider.offer('wary'), { trust_email: false }),
      entry('staff', provider.offer('staff'), { email_domains: ['allowed.example'] }),
      entry('closed', provider.offer('closed'), { create_accounts: false }),
      entry('slow', provider.offer('slow').replace('localhost', '127.0.0.1')),
      entry(
        'userinfo',
        provider.offer('userinfo', { userinfo_endpoint: `${provider.origin}/userinfo/userinfo` }),
      ),
      ...['html', 'huge', 'foreign', 'away', 'slow-keys', 'rotating'].map(name =>
        entry(name, provider.offer(name)),
      ),
    ])
    deployment = await openDeployment()
    post = await startWithMail(deployment, { environment: upstreams.environment, clock: time.clock })
    other = await deployment.start({ environment: upstreams.environment })
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
    await provider.close()
    upstreams.remove()
  })

  const issuerOf = (id: string) => `${provider.origin}/${id}`
  const callbackOf = (id: string, parameters: Readonly<Record<string, string>>) =>
    `http://localhost/sign-in/upstream/${id}?${new URLSearchParams(parameters).toString()}`
  /** A sign-in at a provider that tells these claims. */
  const visit = async (id: string, told: Told, more: Readonly<Record<string, string>> = {}) => {
    const visitor = createVisitor(post.signet)
    const answer = provider.tell(await visitor.leave(id), told)
    const iss = id === 'honest' ? { iss: issuerOf(id) } : {}
    const shown = await visitor.comeBack(callbackOf(id, { ...answer, ...iss, ...more }))
    return { ...visitor, answer, shown }
  }
  const person = (email = newEmail(), sub = `sub of ${email}`) => ({ sub, email, email_verified: true })
  /** The e-mail of the account that a browser is signed in to; null without one. */
  const accountOf = async ({ open }: Pick<ReturnType<typeof createPerson>, 'open'>) => {
    const page = await open('/account')
    return page.status === 200 ? (/[\w.+-]+@[\w-]+\.(?:com|example)/.exec(page.text)?.[0] ?? null) : null
  }
  const expectRefused = async (visited: Awaited<ReturnType<typeof visit>>, heading: string) => {
    expect(headingOf(visited.shown)).toBe(heading)
    expect(await accountOf(visited.person)).toBeNull()
  }
  const INVALID = 'The sign-in was not confirmed'
  const OVER = 'This sign-in is over'
  const AWAY = 'The other provider does not answer'
  const STRANGER = 'There is no account for you here'
  const PROOF = 'Is this account yours?'

  it('signs a person in (the bystander of all that follows)', async () => {
    const claims = person()
    const { person: browser } = await visit('honest', { claims })
    expect(await accountOf(browser)).toBe(claims.email)
  })

  describe('RFC 6749 §10.12 – state', () => {
    it('is worth nothing in another browser: no person is signed in to a stranger’s account', async () => {
      const stranger = createVisitor(post.signet)
      const answer = provider.tell(await stranger.leave('second'), { claims: person() })
      const victim = createVisitor(post.signet)
      await victim.leave('second')
      const shown = await victim.comeBack(callbackOf('second', answer))
      expect(headingOf(shown)).toBe(OVER)
      expect(await accountOf(victim.person)).toBeNull()
      // The cookie of the stranger's attempt, put into the victim's browser by a neighbour under its own name, opens nothing either.
      const name = [...stranger.person.jar.keys()].find(each => each.includes('upstream')) ?? ''
      const own = [...victim.person.jar.keys()].find(each => each.includes('upstream')) ?? ''
      victim.person.jar.set(own, stranger.person.jar.get(name) ?? '')
      expect(headingOf(await victim.comeBack(callbackOf('second', answer)))).toBe(OVER)
      expect(headingOf(await stranger.comeBack(callbackOf('second', answer)))).not.toBe(OVER)
    })

    it('is used once: the way back by the back button is a page that says so', async () => {
      const { answer, comeBack } = await visit('second', { claims: person() })
      const shown = await comeBack(callbackOf('second', answer))
      expect([shown.status, headingOf(shown)]).toEqual([400, OVER])
    })

    it('is used once, also where the browser keeps its cookie and the provider takes a code twice', async () => {
      const visitor = createVisitor(post.signet)
      const address = await visitor.leave('second')
      const cookies = new Map(visitor.person.jar)
      const claims = person()
      await visitor.comeBack(callbackOf('second', provider.tell(address, { claims })))
      for (const [name, value] of cookies) visitor.person.jar.set(name, value)
      const shown = await visitor.comeBack(callbackOf('second', provider.tell(address, { claims })))
      expect(headingOf(shown)).toBe(OVER)
    })

    it('has no effect on the limits of a visitor whose browser another page sends to the callback', async () => {
      const shown = await createPerson(post.signet).open('/sign-in/upstream/second?code=x&state=y')
      expect([shown.status, headingOf(shown)]).toEqual([400, OVER])
    })
  })

  it('leads to the provider and to pages of this server alone, whatever else a request names (RFC 9700 §4.11)', async () => {
    const evil = 'https://evil.example/'
    const more = { redirect_uri: evil, return_to: evil, next: '//evil.example', path: evil, iss: '' }
    const visitor = createVisitor(post.signet)
    const page = await visitor.person.open('/sign-in')
    const request = /name="request" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const own = { origin: post.signet.issuer, 'sec-fetch-site': 'same-origin', host: 'evil.example' }
    const away = await visitor.person.post('/sign-in/upstream/second', { request, ...more }, own)
    const address = new URL(away.location ?? '')
    expect(address.href.startsWith(`${issuerOf('second')}/authorize?`)).toBe(true)
    expect(address.searchParams.get('redirect_uri')).toBe(`${post.signet.issuer}/sign-in/upstream/second`)
    const { iss: _, ...back } = { ...more, ...provider.tell(address.href, { claims: person() }) }
    const answered = await visitor.person.open(
      `/sign-in/upstream/second?${new URLSearchParams(back).toString()}`,
    )
    expect([answered.status, answered.location]).toEqual([303, '/account'])
    const forged = await visitor.person.post('/sign-in/upstream/second', { request: evil, ...more }, own)
    expect([forged.status, forged.location]).toEqual([400, null])
    const foreign = await visitor.person.post('/sign-in/upstream/second', { request }, { origin: evil })
    expect([foreign.status, foreign.location]).toEqual([403, null])
  })

  describe('RFC 9700 §4.4 – mix-up', () => {
    it('refuses the code of one provider at the callback of another', async () => {
      const visitor = createVisitor(post.signet)
      const answer = provider.tell(await visitor.leave('second'), { claims: person() })
      const shown = await visitor.comeBack(callbackOf('wary', answer))
      expect(headingOf(shown)).toBe(OVER)
    })

    it('refuses another iss, and a missing one where the provider sends it (RFC 9207 §2.4)', async () => {
      await expectRefused(await visit('honest', { claims: person() }, { iss: issuerOf('second') }), INVALID)
      await expectRefused(await visit('second', { claims: person() }, { iss: issuerOf('honest') }), INVALID)
      const visitor = createVisitor(post.signet)
      const answer = provider.tell(await visitor.leave('honest'), { claims: person() })
      expect(headingOf(await visitor.comeBack(callbackOf('honest', answer)))).toBe(INVALID)
    })
  })

  describe('OpenID Connect Core §3.1.3.7 – the ID token', () => {
    const now = () => Math.floor(Date.now() / 1000)
    it.each<readonly [what: string, change: () => Readonly<Record<string, unknown>>]>([
      ['of another issuer', () => ({ iss: issuerOf('honest') })],
      ['for another client', () => ({ aud: 'another' })],
      ['for several clients without azp', () => ({ aud: ['signet', 'another'] })],
      ['with the azp of another client', () => ({ azp: 'another' })],
      ['with another nonce', () => ({ nonce: 'another' })],
      ['without a nonce', () => ({ nonce: undefined })],
      ['that has expired', () => ({ exp: now() - 10 })],
      ['of the future', () => ({ iat: now() + 100 })],
      ['with the hash of another access token', () => ({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' })],
      ['with an empty sub', () => ({ sub: '' })],
      ['with a sub of 256 characters', () => ({ sub: 'x'.repeat(256) })],
    ])('%s is refused', async (_, change) => {
      await expectRefused(await visit('second', { claims: { ...person(), ...change() } }), INVALID)
    })

    it('with alg none, and with a symmetric one under the public key, is refused', async () => {
      const none = async (claims: Readonly<Record<string, unknown>>) =>
        new UnsecuredJWT({ ...claims }).encode()
      await expectRefused(await visit('second', { claims: person(), sign: none }), INVALID)
      const secret = new TextEncoder().encode(JSON.stringify(provider.jwk).padEnd(64))
      const symmetric = (claims: Readonly<Record<string, unknown>>) =>
        signedBy(secret, claims, { alg: 'HS256' })
      await expectRefused(await visit('second', { claims: person(), sign: symmetric }), INVALID)
    })
  })

  describe('an e-mail address', () => {
    const signUpHere = async (email: string) => {
      const browser = createPerson(post.signet)
      await browser.signUp(await browser.open('/sign-in'), email)
      return browser
    }

    it('links no account, verified or not: its owner has to prove that it is theirs', async () => {
      const email = newEmail()
      await signUpHere(email)
      for (const email_verified of [true, false]) {
        const visited = await visit('second', { claims: { ...person(email), email_verified } })
        await expectRefused(visited, PROOF)
        const wrong = await visited.person.submit(visited.shown, { password: 'not the password' })
        expect(wrong.status).toBe(401)
      }
      expect(
        (
          await deployment.database.run(
            sql => sql`select from signet.upstream_identities where email = ${email}`,
          )
        ).length,
      ).toBe(0)
    })

    it('links it by the password of the account', async () => {
      const email = newEmail()
      await signUpHere(email)
      const { shown, person: browser } = await visit('second', { claims: person(email) })
      await browser.follow(await browser.submit(shown, { password: PASSWORD }))
      expect(await accountOf(browser)).toBe(email)
      expect(await accountOf((await visit('second', { claims: person(email) })).person)).toBe(email)
    })

    it('goes to its owner by a mailed link, which removes what a stranger left who had registered it before', async () => {
      const email = newEmail()
      const stranger = await signUpHere(email)
      const { shown, person: owner } = await visit('second', { claims: person(email) })
      expect(await reset(post.signet, await resetToken(post, email))).toBe('204')
      expect(await accountOf(stranger)).toBeNull()
      await owner.follow(await owner.submit(shown, { password: NEW_PASSWORD }))
      expect(await accountOf(owner)).toBe(email)
      const again = createPerson(post.signet)
      await again.signIn(await again.open('/sign-in'), email)
      expect(await accountOf(again)).toBeNull()
    })

    it('goes to its owner by a mailed link, also where a stranger had it from a provider that verifies no addresses', async () => {
      const email = newEmail()
      const claims = { ...person(email, `stranger ${email}`), email_verified: false }
      const stranger = await visit('wary', { claims })
      expect(await accountOf(stranger.person)).toBe(email)
      expect(await reset(post.signet, await resetToken(post, email))).toBe('204')
      expect(await accountOf(stranger.person)).toBeNull()
      await expectRefused(await visit('wary', { claims }), PROOF)
    })

    it('that changes at the provider leaves the person with their account', async () => {
      const claims = person()
      await visit('second', { claims })
      const { person: browser } = await visit('second', { claims: { ...claims, email: newEmail() } })
      expect(await accountOf(browser)).toBe(claims.email)
    })

    it.each([
      ['of another domain', { email: 'ada@evil.example', email_verified: true }],
      ['of a subdomain', { email: 'ada@sub.allowed.example', email_verified: true }],
      ['with two @', { email: 'ada@allowed.example@evil.example', email_verified: true }],
      [
        'with two @, the other way round',
        { email: 'ada@evil.example@allowed.example', email_verified: true },
      ],
      ['with look-alikes', { email: 'ada@\u{ff41}llowed.example', email_verified: true }],
      ['with an accent', { email: 'ada@allówed.example', email_verified: true }],
      ['that is not verified', { email: 'ada@allowed.example', email_verified: false }],
      ['that is verified by a text', { email: 'ada@allowed.example', email_verified: 'true' }],
    ])('%s does not pass email_domains', async (what, claims) => {
      await expectRefused(await visit('staff', { claims: { sub: what, ...claims } }), STRANGER)
    })

    it('is not verified by the word of the userinfo endpoint about another address', async () => {
      const [email, own] = [newEmail(), newEmail()]
      provider.answer('/userinfo/userinfo', response =>
        sendJson(response, { sub: 'u', name: 'U', email: own, email_verified: true }),
      )
      const { person: browser } = await visit('userinfo', { claims: { sub: 'u', email } })
      expect(await accountOf(browser)).toBe(email)
      const verified = await deployment.database.run(
        sql => sql`select from signet.users where email = ${email} and email_verified_at is not null`,
      )
      expect(verified).toHaveLength(0)
    })

    it('of the domain is accepted, in capital letters too', async () => {
      const { person: browser } = await visit('staff', {
        claims: { sub: 'Ada', email: 'Ada@Allowed.EXAMPLE', email_verified: true },
      })
      expect(await accountOf(browser)).toBe('ada@allowed.example')
    })

    it('opens no account where the provider may not', async () => {
      await expectRefused(await visit('closed', { claims: person() }), STRANGER)
    })
  })

  it('opens no account where SIGN_UP is not open, and counts each answer as a sign-in of its address', async () => {
    const environment = { ...upstreams.environment, SIGN_UP: 'invited', RATE_LIMIT_LOGIN: '2/60' }
    const signet = await deployment.start({ environment, clock: time.clock })
    const headings: string[] = []
    for (const _ of [1, 2, 3]) {
      const visitor = createVisitor(signet)
      const answer = provider.tell(await visitor.leave('second'), { claims: person() })
      headings.push(headingOf(await visitor.comeBack(callbackOf('second', answer))))
    }
    expect(headings).toEqual([STRANGER, STRANGER, 'Too many attempts'])
  })

  it('makes one account of two callbacks at once over two instances', async () => {
    const claims = person()
    const visitors = [createVisitor(post.signet), createVisitor(other)]
    const callbacks = await Promise.all(
      visitors.map(async visitor =>
        callbackOf('second', provider.tell(await visitor.leave('second'), { claims })),
      ),
    )
    await Promise.all(visitors.map((visitor, index) => visitor.comeBack(callbacks[index] ?? '')))
    expect(await Promise.all(visitors.map(({ person: browser }) => accountOf(browser)))).toEqual([
      claims.email,
      claims.email,
    ])
  })

  describe('a provider that misbehaves', () => {
    const press = async (id: string): Promise<Shown> => {
      const browser = createPerson(post.signet)
      const page = await browser.open('/sign-in')
      const request = /name="request" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
      const own = { origin: post.signet.issuer, 'sec-fetch-site': 'same-origin' }
      return browser.post(`/sign-in/upstream/${id}`, { request }, own)
    }

    it.each<readonly [id: string, respond: Parameters<Provider['answer']>[1]]>([
      ['html', response => void response.writeHead(200).end('<!doctype html>')],
      ['huge', response => void response.writeHead(200).end(' '.repeat(70_000))],
      ['foreign', response => sendJson(response, { issuer: issuerOf('honest') })],
      ['away', response => void response.destroy()],
    ])('%s: a page with a reference, and the others sign in', async (id, respond) => {
      provider.answer(`/${id}/.well-known/openid-configuration`, respond)
      const shown = await press(id)
      expect([shown.status, headingOf(shown)]).toEqual([503, AWAY])
      expect(shown.text).toContain(shown.headers.get('x-request-id') ?? 'no id')
      const asked = provider.asked.length
      expect((await press(id)).status).toBe(503)
      expect(provider.asked.length).toBe(asked)
      expect((await press('second')).status).toBe(303)
    })

    it('that has a new key: the key is fetched at most every ten seconds', async () => {
      const later = { ...provider.jwk, kid: 'two' }
      const sign = (claims: Readonly<Record<string, unknown>>) =>
        signedBy(provider.keys.privateKey, claims, { kid: 'two' })
      const asked = () => provider.asked.filter(each => each === '/rotating/keys').length
      await visit('rotating', { claims: person() })
      provider.answer('/rotating/keys', response => sendJson(response, { keys: [later] }))
      await expectRefused(await visit('rotating', { claims: person(), sign }), INVALID)
      expect(asked()).toBe(1)
      time.advance(11)
      const claims = person()
      expect(await accountOf((await visit('rotating', { claims, sign })).person)).toBe(claims.email)
      expect(asked()).toBe(2)
      time.reset()
    })

    it('that is slow: people of it are told to come back, and the others sign in', async () => {
      const held: Parameters<Parameters<Provider['answer']>[1]>[0][] = []
      const own = issuerOf('slow').replace('localhost', '127.0.0.1')
      provider.answer('/slow/.well-known/openid-configuration', response =>
        sendJson(response, {
          issuer: own,
          authorization_endpoint: `${own}/authorize`,
          token_endpoint: `${own}/token`,
          jwks_uri: `${own}/keys`,
        }),
      )
      let isSlow = true
      provider.answer('/slow/token', response => void (isSlow ? held.push(response) : response.destroy()))
      const visitors = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const visitor = createVisitor(post.signet)
          const { state } = provider.tell(await visitor.leave('slow'), { claims: person() })
          return { visitor, callback: callbackOf('slow', { code: 'x', state }) }
        }),
      )
      const all = visitors.map(({ visitor, callback }) => visitor.comeBack(callback))
      const first = await Promise.any(all)
      expect([first.status, headingOf(first)]).toEqual([503, 'Please try again in a moment'])
      const claims = person()
      expect(await accountOf((await visit('second', { claims })).person)).toBe(claims.email)
      isSlow = false
      for (const response of held) response.destroy()
      expect(new Set((await Promise.all(all)).map(({ status }) => status))).toEqual(new Set([503]))
    })

    it('of a provider whose published keys are malformed is refused', async () => {
      provider.answer('/slow-keys/keys', response => sendJson(response, { keys: 'none' }))
      await expectRefused(await visit('slow-keys', { claims: person() }), AWAY)
    })
  })
})
