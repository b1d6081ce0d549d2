import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail } from '../../support/ask.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { listen } from '../../support/listen.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  headingOf,
  queryOf,
  type Shown,
} from '../../support/pages/person.ts'
import { openProvider, type Provider } from '../../support/upstream/provider.ts'
import { createVisitor, pathOf, pressUpstream, writeUpstreams } from '../../support/upstream/upstreams.ts'

const SECRET = 'a secret of thirty-two characters or more'
const ISSUER = 'http://localhost:8080'
const REDIRECT = 'https://app.example/callback'
const web = (client_id: string, redirect_uri: string, scope: string) => ({
  client_id,
  client_secret: SECRET,
  grant_types: ['authorization_code'],
  redirect_uris: [redirect_uri],
  scope,
  audience: ['https://api.example'],
})

type Claims = Readonly<Record<string, unknown>>

const CHANGE = '/account/security/passkeys'
const CONFIRM = 'Confirm that it is you'
const OLD = 'That sign-in may be an old one'
const now = () => Math.floor(Date.now() / 1000)

describe('RFC 9470 §3 – what a sign-in at another provider proves', () => {
  let provider: Provider
  let second: Readonly<{ deployment: Deployment; listening: Awaited<ReturnType<typeof listen>> }>
  let deployment: Deployment
  let signet: Instance
  let upstreams: ReturnType<typeof writeUpstreams>
  beforeAll(async () => {
    provider = await openProvider()
    const there = await openDeployment([
      web('signet', `${ISSUER}/sign-in/upstream/second`, 'openid profile email'),
    ])
    second = { deployment: there, listening: await listen(there) }
    const common = { client_id: 'signet', client_secret: SECRET, create_accounts: true, trust_email: true }
    const prompts = { prompt_values_supported: ['none', 'login'] }
    upstreams = writeUpstreams([
      { id: 'harbour', issuer: provider.offer('harbour', prompts), label: 'Harbour', ...common },
      { id: 'pier', issuer: provider.offer('pier'), label: 'Pier', ...common },
      { id: 'github', type: 'github', issuer: provider.origin, label: 'GitHub', ...common },
      { id: 'second', issuer: second.listening.issuer, label: 'Second', ...common },
    ])
    const { client_secret: _, ...app } = web('web', REDIRECT, 'openid email')
    deployment = await openDeployment([{ ...app, token_endpoint_auth_method: 'none', first_party: true }])
    signet = await deployment.start({ environment: { ...upstreams.environment, ISSUER } })
  })
  afterAll(async () => {
    await deployment.close()
    await second.listening.close()
    await second.deployment.close()
    await provider.close()
    upstreams.remove()
  })

  const person = (email = newEmail()) => ({ sub: `sub of ${email}`, email, email_verified: true })
  const callbackOf = (id: string, answer: Readonly<Record<string, string>>) =>
    `/sign-in/upstream/${id}?${new URLSearchParams(answer).toString()}`
  /** A person who has signed in at a provider that says so much of it. */
  const visit = async (claims: Claims, id = 'harbour') => {
    const visitor = createVisitor(signet)
    const answer = provider.tell(await visitor.leave(id), { claims })
    await visitor.comeBack(`${ISSUER}${callbackOf(id, answer)}`)
    return visitor.person
  }
  const press = (browser: ReturnType<typeof createPerson>, page: Shown, id: string) =>
    pressUpstream(browser, page, { id, issuer: ISSUER })
  const comeBack = async (
    browser: ReturnType<typeof createPerson>,
    { location }: Shown,
    claims: Claims,
    id = 'harbour',
  ) => browser.follow(await browser.open(callbackOf(id, provider.tell(location ?? '', { claims }))))

  it.each<readonly [what: string, told: Claims]>([
    ['does not say when', {}],
    ['says it in words', { auth_time: 'now' }],
    ['tells of the future', { auth_time: now() + 3600 }],
    ['tells of five minutes before', { auth_time: now() - 300 }],
  ])('is no fresh proof where the provider %s, and a new sign-in there is', async (_, told) => {
    const claims = person()
    const browser = await visit({ ...claims, ...told })
    const confirm = await browser.follow(await browser.open(CHANGE))
    expect(headingOf(confirm)).toBe(CONFIRM)
    const away = await press(browser, confirm, 'harbour')
    expect(Object.fromEntries(new URL(away.location ?? '').searchParams)).toMatchObject({
      max_age: '0',
      prompt: 'login',
      claims: '{"id_token":{"auth_time":{"essential":true}}}',
    })
    expect(headingOf(await comeBack(browser, away, { ...claims, ...told }))).toBe(OLD)
    expect((await browser.open('/account')).text).toContain(claims.email)
    const again = await press(browser, confirm, 'harbour')
    const shown = await comeBack(browser, again, { ...claims, auth_time: now() })
    expect(shown.text).toContain('data-create')
  })

  it('is a fresh proof where the provider has just asked the person', async () => {
    const browser = await visit({ ...person(), auth_time: now() - 200 })
    expect((await browser.open(CHANGE)).text).toContain('data-create')
  })

  it('is none at GitHub, which never says when: no page leads there for a proof', async () => {
    const claims = person()
    const browser = await visit(claims)
    await deployment.database.run(
      sql => sql`
        update signet.upstream_identities set issuer = ${provider.origin}
        where subject = ${claims.sub}`,
    )
    const led = await browser.open(CHANGE)
    const confirm = await browser.follow(led)
    expect(headingOf(confirm)).toBe(CONFIRM)
    expect(confirm.text).not.toContain('/sign-in/upstream/')
    const request = new URL(led.location ?? '', ISSUER).searchParams.get('request') ?? ''
    const text = `<input name="request" value="${request}">`
    expect(headingOf(await press(browser, { ...confirm, text }, 'github'))).toBe(OLD)
  })

  it('asks a provider that lists no prompt by max_age alone', async () => {
    const browser = await visit(person(), 'pier')
    const confirm = await browser.follow(await browser.open(CHANGE))
    const { searchParams } = new URL((await press(browser, confirm, 'pier')).location ?? '')
    expect([searchParams.get('max_age'), searchParams.get('prompt')]).toEqual(['0', null])
  })

  it('links no identity by a session that is open at another provider', async () => {
    const claims = person()
    await visit(claims)
    const visitor = createVisitor(signet)
    const stranger = { ...claims, sub: 'another subject' }
    const answer = provider.tell(await visitor.leave('pier'), { claims: stranger })
    const proof = await visitor.comeBack(`${ISSUER}${callbackOf('pier', answer)}`)
    expect(proof.text).not.toContain('/sign-in/upstream/github')
    const stale = await press(visitor.person, proof, 'harbour')
    expect(headingOf(await comeBack(visitor.person, stale, claims))).toBe(OLD)
    const fresh = await press(visitor.person, proof, 'harbour')
    await comeBack(visitor.person, fresh, { ...claims, auth_time: now() })
    expect((await visitor.person.open('/account')).text).toContain(claims.email)
    expect((await visit(stranger, 'pier').then(each => each.open('/account'))).text).toContain(claims.email)
  })

  describe('OpenID Connect Core §3.1.2.1 – for an application', () => {
    const asking = (more: Readonly<Record<string, string>> = {}) =>
      queryOf({
        response_type: 'code',
        client_id: 'web',
        redirect_uri: REDIRECT,
        scope: 'openid email',
        code_challenge: CODE_CHALLENGE,
        code_challenge_method: 'S256',
        state: 'abc',
        ...more,
      })
    const tokensOf = async (shown: Shown) => {
      const { code = '' } = answerOf(shown)
      const form = { grant_type: 'authorization_code', client_id: 'web', code, redirect_uri: REDIRECT }
      const answer = await signet.token({ ...form, code_verifier: CODE_VERIFIER })
      const { access_token, id_token } = answer.body
      return [access_token, id_token].map(token => decodeJwt(String(token))['auth_time'])
    }
    /** From the sign-in page of a request to the provider, and back with what it says. */
    const signInFor = async (more: Readonly<Record<string, string>>, claims: Claims) => {
      const browser = createPerson(signet)
      const away = await press(browser, await browser.arrive(asking(more)), 'harbour')
      return { browser, away, shown: await comeBack(browser, away, claims) }
    }

    it('tells the time of the provider, and none where the provider has told none', async () => {
      const auth_time = now() - 5000
      const told = await signInFor({}, { ...person(), auth_time })
      expect(new URL(told.away.location ?? '').searchParams.get('max_age')).toBeNull()
      expect(await tokensOf(told.shown)).toEqual([auth_time, auth_time])
      expect(await tokensOf((await signInFor({}, person())).shown)).toEqual([undefined, undefined])
    })

    it.each<readonly [more: Readonly<Record<string, string>>, sent: string, old: number, recent: number]>([
      [{ prompt: 'login' }, '0', 60, 0],
      [{ max_age: '0' }, '0', 60, 0],
      [{ max_age: '600' }, '600', 700, 500],
    ])(
      'with %o asks the provider for %s, and refuses what is older or not told',
      async (more, sent, old, recent) => {
        const claims = person()
        for (const told of [{}, { auth_time: now() - old }]) {
          const { browser, away, shown } = await signInFor(more, { ...claims, ...told })
          expect(new URL(away.location ?? '').searchParams.get('max_age')).toBe(sent)
          expect(headingOf(shown)).toBe(OLD)
          expect((await browser.open('/account')).status).toBe(303)
        }
        const auth_time = now() - recent
        const { shown } = await signInFor(more, { ...claims, auth_time })
        expect(await tokensOf(shown)).toEqual([auth_time, auth_time])
      },
    )

    it('takes a sign-in whose time is unknown for none that max_age allows', async () => {
      const browser = await visit(person())
      const refused = await browser.arrive(asking({ max_age: '86400', prompt: 'none' }))
      expect(answerOf(refused)['error']).toBe('login_required')
      expect(answerOf(await browser.arrive(asking({ prompt: 'none' })))['code']).toBeDefined()
    })

    it('lets a person go on as another one at a provider that tells no time, unless the application wants a new sign-in', async () => {
      const browser = await visit(person())
      const turnTo = async (more: Readonly<Record<string, string>>) =>
        browser.follow(
          await browser.submit(await browser.arrive(asking({ prompt: 'select_account', ...more })), {
            decision: 'another',
          }),
        )
      const other = person()
      const away = await press(browser, await turnTo({}), 'harbour')
      expect(new URL(away.location ?? '').searchParams.get('max_age')).toBe('0')
      expect(answerOf(await comeBack(browser, away, other))['code']).toBeDefined()
      const strict = await press(browser, await turnTo({ prompt: 'select_account login' }), 'harbour')
      expect(headingOf(await comeBack(browser, strict, other))).toBe(OLD)
    })
  })

  it('has the time of a second Signet, which asks its person again for a proof', async () => {
    const email = newEmail()
    const visitor = createVisitor(signet)
    const there = createPerson(second.listening.signet)
    const leave = await there.follow(await there.open(pathOf(await visitor.leave('second'))))
    const first = await there.allow(await there.signUp(leave, email))
    await second.deployment.database.run(
      sql => sql`update signet.browser_sessions set auth_time = ${new Date(Date.now() - 1_000_000)}`,
    )
    await visitor.comeBack(first.location ?? '')
    const again = createVisitor(signet)
    const silent = await there.follow(await there.open(pathOf(await again.leave('second'))))
    await again.comeBack(silent.location ?? '')
    const confirm = await again.person.follow(await again.person.open(CHANGE))
    expect(headingOf(confirm)).toBe(CONFIRM)
    const away = await press(again.person, confirm, 'second')
    const asked = await there.follow(await there.open(pathOf(away.location)))
    expect(headingOf(asked)).toBe('Sign in')
    const proved = await there.signIn(asked, email)
    expect((await again.comeBack(proved.location ?? '')).text).toContain('data-create')
  })
})
