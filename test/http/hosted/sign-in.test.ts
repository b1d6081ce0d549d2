import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { claimsOf, signIn, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { withTotp } from '../../support/accounts/factors.ts'
import { PASSWORD, times } from '../../support/ask.ts'
import { API, CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  fieldOf,
  headingOf,
  type Person,
  queryOf,
  type Shown,
} from '../../support/pages/person.ts'

const NOTES = {
  client_id: 'notes',
  client_name: 'Notes',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://notes.example/cb'],
  scope: 'openid read',
  audience: [API],
}
/** Not asked for consent, so that a test is about the sign-in alone. */
const HOUSE = {
  ...NOTES,
  client_id: 'house',
  first_party: true,
  redirect_uris: ['https://house.example/cb'],
}

type Parameters = Readonly<Record<string, string | null>>
const asking = (more: Parameters = {}) =>
  queryOf({
    response_type: 'code',
    client_id: 'house',
    redirect_uri: 'https://house.example/cb',
    scope: 'openid read',
    state: 's',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  })

let deployment: Deployment
let signet: Instance
const time = createClock()
beforeAll(async () => {
  deployment = await openDeployment([...CLIENTS, NOTES, HOUSE])
  signet = await deployment.start({ clock: time.clock, environment: { RATE_LIMIT_SECOND_FACTOR: 'off' } })
})
afterAll(() => deployment.close())
beforeEach(() => time.reset())

let people = 0
const newEmail = () => `hosted${++people}@example.com`
const person = () => createPerson(signet)

const signedIn = async () => {
  const ada = person()
  const email = newEmail()
  const answer = await ada.signUp(await ada.arrive(asking()), email)
  expect(answerOf(answer)['code']).toBeDefined()
  return { ada, email }
}
const hasCode = (shown: Shown) =>
  shown.location !== null && answerOf(shown)['code'] !== undefined && answerOf(shown)['error'] === undefined
const errorOf = (shown: Shown) => answerOf(shown)['error']

const redeem = (shown: Shown) =>
  signet.token({
    grant_type: 'authorization_code',
    client_id: 'house',
    redirect_uri: 'https://house.example/cb',
    code: answerOf(shown)['code'] ?? '',
    code_verifier: CODE_VERIFIER,
  })
const idTokenOf = async (shown: Shown) => String((await redeem(shown)).body['id_token'])

describe('the session of a browser', () => {
  it('has a new secret after every sign-in, and the old one is worth nothing', async () => {
    const { ada, email } = await signedIn()
    const first = ada.jar.get('signet-session') ?? ''
    time.reset()
    time.advance(2)
    await ada.signIn(await ada.arrive(asking({ prompt: 'login' })), email)
    const second = ada.jar.get('signet-session')
    expect(second).not.toBe(first)
    expect(hasCode(await ada.arrive(asking()))).toBe(true)
    ada.jar.set('signet-session', first)
    expect(headingOf(await ada.arrive(asking()))).toBe('Sign in')
  })

  it('is never one that the browser brought: an attacker’s, or one that was made up', async () => {
    const { ada: eve } = await signedIn()
    const planted = eve.jar.get('signet-session') ?? ''
    const { email } = await signedIn()
    for (const brought of [planted, 'signet_bs_made-up', 'x']) {
      const victim = person()
      const page = await victim.arrive(asking())
      victim.jar.set('signet-session', brought)
      expect(hasCode(await victim.signIn(page, email))).toBe(true)
      expect(victim.jar.get('signet-session')).not.toBe(brought)
    }
    expect(headingOf(await eve.arrive(asking()))).toBe('Sign in')
  })

  it('has a cookie that scripts cannot read and other sites do not send', async () => {
    const ada = person()
    const page = await ada.arrive(asking())
    const email = newEmail()
    await signUp(signet, email)
    const { headers } = await ada.submit(page, { email, password: PASSWORD })
    const cookie = headers.getSetCookie().find(line => line.startsWith('signet-session='))
    expect(cookie).toMatch(/; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/)
    expect([...page.headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([])
  })
})

describe('the form', () => {
  const filled = async () => {
    const email = newEmail()
    await signUp(signet, email)
    const ada = person()
    return { ada, page: await ada.arrive(asking()), fields: { email, password: PASSWORD } }
  }
  const isSignedIn = (ada: Person) => ada.jar.has('signet-session')

  it.each([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'https://house.example' },
    { origin: ISSUER.replace('8080', '8081'), 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  ])('is refused from another page: %o', async headers => {
    const { ada, page, fields } = await filled()
    const answer = await ada.submit(page, fields, { 'sec-fetch-site': 'cross-site', ...headers })
    expect([answer.status, isSignedIn(ada)]).toEqual([403, false])
  })

  it('is refused without the cookie of the browser that it was made for, and in another browser', async () => {
    const { ada, page, fields } = await filled()
    const stranger = person()
    expect((await stranger.submit(page, fields)).status).toBe(400)
    await stranger.arrive(asking())
    expect((await stranger.submit(page, fields)).status).toBe(400)
    expect([isSignedIn(stranger), isSignedIn(ada)]).toEqual([false, false])
    expect(hasCode(await ada.follow(await ada.submit(page, fields)))).toBe(true)
  })

  it('is refused with a sealed request that was changed anywhere', async () => {
    const { ada, page, fields } = await filled()
    const sealed = fieldOf(page, 'request') ?? ''
    const places = [0, 1, 20, Math.floor(sealed.length / 2), sealed.length - 2]
    for (const place of places) {
      const other = sealed[place] === 'A' ? 'B' : 'A'
      const request = sealed.slice(0, place) + other + sealed.slice(place + 1)
      expect((await ada.submit(page, { ...fields, request })).status).toBe(400)
      expect((await ada.open(`/sign-in?request=${request}`)).status).toBe(400)
    }
    for (const request of ['', 'x', '%00', sealed.slice(0, -4)])
      expect((await ada.submit(page, { ...fields, request })).status).toBe(400)
    expect(isSignedIn(ada)).toBe(false)
  })

  it('works for an hour, and then says how to begin again', async () => {
    const { ada, page, fields } = await filled()
    time.advance(3601)
    const expired = await ada.submit(page, fields)
    expect([expired.status, isSignedIn(ada)]).toEqual([400, false])
    const restart = /class="button" href="([^"]*)"/.exec(expired.text)?.[1]?.replaceAll('&#38;', '&') ?? ''
    expect(restart.startsWith('/authorize?')).toBe(true)
    const again = await ada.follow(await ada.open(restart))
    expect(answerOf(await ada.signIn(again, fields.email))['state']).toBe('s')
  })

  it('is answered 303, with what was typed but for the password where it was wrong', async () => {
    const { ada, page, fields } = await filled()
    const wrong = await ada.submit(page, { ...fields, password: 'wrong' })
    expect([wrong.status, fieldOf(wrong, 'email'), fieldOf(wrong, 'password')]).toEqual([
      401,
      fields.email,
      '',
    ])
    expect(wrong.text).toContain('role="alert"')
    expect((await ada.submit(wrong, fields)).status).toBe(303)
  })

  it('may not be framed, stored or told to other sites', async () => {
    const { page } = await filled()
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe')
    expect(page.headers.get('x-frame-options')).toBe('DENY')
    expect(page.headers.get('cache-control')).toContain('no-store')
    expect(page.headers.get('referrer-policy')).toBe('same-origin')
    expect(page.headers.get('cross-origin-opener-policy')).toBe(null)
  })

  it('leads where the sealed request says, whatever else it is sent', async () => {
    for (const evil of ['//evil.example', '\\evil.example', 'https://evil.example', 'javascript:alert(1)']) {
      const { ada, page, fields } = await filled()
      const more = { next: evil, return_to: evil, redirect_uri: evil, continue: evil }
      const answer = await ada.follow(await ada.submit(page, { ...fields, ...more }))
      expect(answer.location?.startsWith('https://house.example/cb?')).toBe(true)
      const alone = await ada.open(`/sign-in?${queryOf(more)}`)
      expect(alone.location).toBe('/account')
    }
  })

  it('can be reloaded, and finished in two tabs, each with its own state', async () => {
    const { ada, fields } = await filled()
    const one = await ada.open((await ada.open(`/authorize?${asking({ state: 'one' })}`)).location ?? '')
    const two = await ada.open(`/authorize?${asking({ state: 'two' })}`)
    const second = await ada.open(two.location ?? '')
    expect(headingOf(await ada.open(two.location ?? ''))).toBe('Sign in')
    expect(answerOf(await ada.follow(await ada.submit(one, fields)))).toMatchObject({ state: 'one' })
    expect(answerOf(await ada.open(two.location ?? ''))).toMatchObject({ state: 'two' })
    expect(answerOf(await ada.follow(await ada.submit(second, fields)))).toMatchObject({ state: 'two' })
  })

  it('can be finished in tabs that were opened at once without any cookie, each with its own state', async () => {
    const { fields } = await filled()
    const ada = person()
    const states = times(25).map(String)
    const led = await Promise.all(states.map(state => ada.open(`/authorize?${asking({ state })}`)))
    const browsers = () => [...ada.jar.keys()].filter(name => name.startsWith('signet-browser-'))
    expect(browsers()).toHaveLength(25)
    const openLed = ({ location }: Shown) => ada.open(location ?? '')
    const latest = await Promise.all(led.slice(-20).map(openLed))
    expect(latest.map(headingOf)).toEqual(latest.map(() => 'Sign in'))
    const [first, last] = [latest[0], latest.at(-1)]
    for (const [page, state] of [
      [first, '5'],
      [last, '24'],
    ] as const) {
      if (page === undefined) throw new Error('every tab has a page')
      const answer = answerOf(await ada.follow(await ada.submit(page, fields)))
      expect(answer).toMatchObject({ state, code: expect.any(String) })
    }
    // A browser keeps 20 of these cookies, so that a page cannot make it send ever more of them.
    expect(browsers()).toHaveLength(20)
    expect((await ada.open(led[0]?.location ?? '')).status).toBe(400)
  })

  it('has a request of more than 2 kB in a hidden field, and never in an address', async () => {
    const state = 'x'.repeat(3000)
    const ada = person()
    const page = await ada.open(`/authorize?${asking({ state })}`)
    expect([page.status, headingOf(page), page.location]).toEqual([200, 'Sign in', null])
    const hrefs = [...page.text.matchAll(/(?:href|action)="([^"]*)"/g)].map(([, address = '']) => address)
    expect(hrefs.filter(address => address.startsWith('/sign') && address.length > 200)).toEqual([])
    const press = (from: Shown, path: string) => {
      expect(from.text).toContain(`formaction="${path}?ui_locales=en"`)
      const headers = { origin: ISSUER, 'sec-fetch-site': 'same-origin' }
      return ada.post(
        `${path}?ui_locales=en`,
        { request: fieldOf(from, 'request') ?? '', show: 'page' },
        headers,
      )
    }
    const signUp = await press(page, '/sign-up')
    expect([signUp.status, headingOf(signUp)]).toEqual([200, 'Create an account'])
    const again = await press(signUp, '/sign-in')
    expect([again.status, headingOf(again)]).toEqual([200, 'Sign in'])
    const done = await ada.submit(signUp, { email: newEmail(), password: PASSWORD })
    expect(answerOf(done)).toMatchObject({ state, code: expect.any(String) })
  })

  it('is in an address up to 2 kB, with the languages that the client asked for', async () => {
    const lengths = await Promise.all(
      times(12).map(async index => {
        const state = 'x'.repeat(100 + 60 * index)
        const shown = await person().open(`/authorize?${asking({ state, ui_locales: 'de en '.repeat(30) })}`)
        return shown.status === 303 ? (shown.location ?? '').length : null
      }),
    )
    expect(lengths).toContain(null)
    expect(Math.max(...lengths.map(Number))).toBeGreaterThan(1_900)
    expect(Math.max(...lengths.map(Number))).toBeLessThanOrEqual(2_048)
  })

  it('has the login_hint in its field, and nowhere as markup', async () => {
    const page = await person().arrive(asking({ login_hint: '"><script>alert(1)</script>' }))
    expect(fieldOf(page, 'email')).toBe('"><script>alert(1)</script>')
    expect(page.text).not.toContain('<script>alert')
  })

  it('is in the language that the client asks for, until the person chooses another one', async () => {
    const ada = person()
    const page = await ada.arrive(asking({ ui_locales: 'xx de' }))
    expect(page.text).toContain('<html lang="de"')
    const chosen = await ada.open(
      `/sign-in?${queryOf({ request: fieldOf(page, 'request'), ui_locales: 'en' })}`,
    )
    expect(chosen.text).toContain('<html lang="en"')
  })

  it('is short enough for an address, or else shown at once', async () => {
    const shown = await person().open(`/authorize?${asking({ state: 'x'.repeat(3000) })}`)
    expect([shown.status, shown.location]).toEqual([200, null])
    const led = await person().open(`/authorize?${asking()}`)
    expect((led.location ?? '').length).toBeLessThan(2200)
  })
})

describe('OpenID Connect Core §3.1.2.1 – prompt and max_age', () => {
  it('asks for a sign-in again with prompt=login, and takes one that was made for the request', async () => {
    const { ada, email } = await signedIn()
    time.advance(5)
    const page = await ada.arrive(asking({ prompt: 'login' }))
    expect([headingOf(page), fieldOf(page, 'email')]).toEqual(['Sign in', email])
    expect(headingOf(await ada.arrive(asking({ prompt: 'login' })))).toBe('Sign in')
    time.reset()
    expect(hasCode(await ada.signIn(page, email))).toBe(true)
  })

  it('takes that sign-in although the clock of the process is ahead of the database’s', async () => {
    const { ada, email } = await signedIn()
    time.advance(300)
    for (const more of [{ prompt: 'login' }, { max_age: '0' }]) {
      const answer = await ada.signIn(await ada.arrive(asking(more)), email)
      expect(hasCode(answer)).toBe(true)
    }
  })

  it('asks for a sign-in that is older than max_age, to the second', async () => {
    const { ada } = await signedIn()
    const seconds = Math.floor(time.clock().getTime() / 1000)
    await deployment.database.sql`update browser_sessions set auth_time = to_timestamp(${seconds - 100})`
    expect(hasCode(await ada.arrive(asking({ max_age: '100' })))).toBe(true)
    expect(headingOf(await ada.arrive(asking({ max_age: '99' })))).toBe('Sign in')
    expect(headingOf(await ada.arrive(asking({ max_age: '0' })))).toBe('Sign in')
    expect(errorOf(await ada.arrive(asking({ max_age: '99', prompt: 'none' })))).toBe('login_required')
    expect(hasCode(await ada.arrive(asking({ max_age: '100', prompt: 'none' })))).toBe(true)
  })

  it('asks which account with select_account, goes on with it, or with another one', async () => {
    const { ada, email } = await signedIn()
    const other = newEmail()
    await signUp(signet, other)
    const page = await ada.arrive(asking({ prompt: 'select_account' }))
    expect([headingOf(page), page.text.includes(email)]).toEqual(['Choose an account', true])
    expect(hasCode(await ada.follow(await ada.submit(page, { decision: 'continue' })))).toBe(true)
    const form = await ada.follow(await ada.submit(page, { decision: 'another' }))
    expect([headingOf(form), fieldOf(form, 'email')]).not.toContain(email)
    const { body } = await redeem(await ada.signIn(form, other))
    expect(claimsOf(String(body['id_token']))['sub']).toBe((await signIn(signet, other)).user.id)
  })

  it('shows the sign-up with create, and the sign-in to a person who has an account', async () => {
    const ada = person()
    const page = await ada.arrive(asking({ prompt: 'create', login_hint: 'a@example.com' }))
    expect([headingOf(page), fieldOf(page, 'email')]).toEqual(['Create an account', 'a@example.com'])
    const form = await ada.open(`/sign-in?${queryOf({ request: fieldOf(page, 'request') })}`)
    const email = newEmail()
    await signUp(signet, email)
    expect(hasCode(await ada.signIn(form, email))).toBe(true)
  })

  it('answers login_required with none to a browser that is not signed in, and a code to one that is', async () => {
    expect(errorOf(await person().arrive(asking({ prompt: 'none' })))).toBe('login_required')
    const { ada } = await signedIn()
    expect(hasCode(await ada.arrive(asking({ prompt: 'none' })))).toBe(true)
    const notes = { client_id: 'notes', redirect_uri: 'https://notes.example/cb' }
    expect(errorOf(await ada.arrive(asking({ ...notes, prompt: 'none' })))).toBe('consent_required')
  })
})

const MFA = 'urn:signet:acr:mfa'

describe('RFC 9470 §5 – acr_values', () => {
  it('asks a person who has a TOTP for its code, and says in the ID token that there was one', async () => {
    const { email, code } = await withTotp(signet, time, newEmail())
    const ada = person()
    const second = await ada.signIn(await ada.arrive(asking({ acr_values: MFA })), email)
    expect(headingOf(second)).toBe('Two-step verification')
    const wrong = await ada.submit(second, { code: '000000' })
    expect([wrong.status, ada.jar.has('signet-session')]).toEqual([401, false])
    const answer = await ada.follow(await ada.submit(wrong, { code: code() }))
    const { body } = await redeem(answer)
    expect(claimsOf(String(body['id_token']))).toMatchObject({ acr: MFA, amr: ['pwd', 'otp', 'mfa'] })
  })

  it('tells the client that an account without a second factor cannot', async () => {
    const { ada } = await signedIn()
    expect(errorOf(await ada.arrive(asking({ acr_values: MFA })))).toBe('unmet_authentication_requirements')
    expect(errorOf(await ada.arrive(asking({ acr_values: MFA, prompt: 'none' })))).toBe(
      'interaction_required',
    )
    expect(hasCode(await ada.arrive(asking({ acr_values: `${MFA} urn:signet:acr:pwd` })))).toBe(true)
    expect(hasCode(await ada.arrive(asking({ acr_values: 'unknown' })))).toBe(true)
  })
})

describe('OpenID Connect Core §3.1.2.1 – id_token_hint', () => {
  it('means one person: who is signed in, or else who is asked for', async () => {
    const { ada } = await signedIn()
    const id_token_hint = await idTokenOf(await ada.arrive(asking()))
    expect(hasCode(await ada.arrive(asking({ id_token_hint, prompt: 'none' })))).toBe(true)
    time.advance(7200)
    expect(hasCode(await ada.arrive(asking({ id_token_hint })))).toBe(true)
    time.reset()
    const { ada: eve, email } = await signedIn()
    expect(errorOf(await eve.arrive(asking({ id_token_hint, prompt: 'none' })))).toBe('login_required')
    const page = await eve.arrive(asking({ id_token_hint }))
    expect(headingOf(page)).toBe('Sign in')
    expect(hasCode(await eve.signIn(page, email))).toBe(false)
  })

  it('is refused when it is forged, of another client, or no ID token', async () => {
    const { ada } = await signedIn()
    const { body } = await redeem(await ada.arrive(asking()))
    const hint = String(body['id_token'])
    const [header = '', payload = '', signature = ''] = hint.split('.')
    const claims = { ...claimsOf(hint), sub: 'another' }
    const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
    const none = [Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url'), payload, ''].join('.')
    for (const id_token_hint of [forged, none, body.access_token])
      expect(errorOf(await ada.arrive(asking({ id_token_hint })))).toBe('invalid_request')
    const notes = { client_id: 'notes', redirect_uri: 'https://notes.example/cb' }
    expect(errorOf(await ada.arrive(asking({ ...notes, id_token_hint: hint })))).toBe('invalid_request')
  })
})

describe('an account that changes', () => {
  const change = async (email: string, what: 'disabled' | 'deleted' | 'password') => {
    const { sql } = deployment.database
    if (what === 'disabled') await sql`update users set disabled_at = now() where email = ${email}`
    if (what === 'disabled') return
    const { access_token: token, refresh_token } = await signIn(signet, email)
    const proof = { current_password: PASSWORD, refresh_token }
    const answer =
      what === 'deleted'
        ? await signet.ask('/auth/me', { method: 'DELETE', token, body: proof })
        : await signet.ask('/auth/password', {
            token,
            body: { ...proof, new_password: 'another lantern 7' },
          })
    expect([200, 204]).toContain(answer.status)
  }

  it.each(['disabled', 'deleted', 'password'] as const)(
    'is %s between the page and the code: the person signs in again',
    async what => {
      const { ada, email } = await signedIn()
      const page = await ada.arrive(asking({ prompt: 'select_account' }))
      await change(email, what)
      expect(headingOf(await ada.follow(await ada.submit(page, { decision: 'continue' })))).toBe('Sign in')
    },
  )

  it.each(['disabled', 'deleted', 'password'] as const)(
    'is %s between the code and the token: the code buys nothing',
    async what => {
      const { ada, email } = await signedIn()
      const answer = await ada.arrive(asking())
      await change(email, what)
      const { status, body } = await redeem(answer)
      expect([status, body.error]).toEqual([400, 'invalid_grant'])
    },
  )
})

describe('the limits of the account API', () => {
  it('count the wrong passwords of the page, and the page those of the API', async () => {
    for (const [address, isPageFirst] of [['203.0.113.7', true] as const, ['203.0.113.8', false] as const]) {
      const from = { 'x-forwarded-for': address }
      const instance = await deployment.start({ environment: { RATE_LIMIT_LOGIN: '3/60' } })
      const email = newEmail()
      await signUp(instance, email)
      const ada = createPerson(instance)
      let page = await ada.arrive(asking())
      const byPage = async () => {
        page = await ada.submit(page, { email, password: 'wrong' }, from)
        return page.status
      }
      const byApi = async () => (await trySignIn(instance, email, { password: 'wrong' }, from)).status
      const [first, second] = isPageFirst ? [byPage, byApi] : [byApi, byPage]
      expect([await first(), await first(), await second()]).toEqual([401, 401, 401])
      expect([await byApi(), await byPage()]).toEqual([429, 429])
      expect(page.text).toContain('role="alert"')
      await instance.close()
    }
  })

  it('slow the account API down for what was guessed on the page', async () => {
    const waits: number[] = []
    const wait = async (milliseconds: number) => void waits.push(milliseconds)
    const instance = await deployment.start({ wait })
    const email = newEmail()
    await signUp(instance, email)
    const ada = createPerson(instance)
    let page = await ada.arrive(asking())
    for (const _ of times(6)) page = await ada.submit(page, { email, password: 'wrong' })
    waits.length = 0
    await trySignIn(instance, email, { password: 'wrong' })
    expect(Math.max(0, ...waits)).toBeGreaterThanOrEqual(1000)
  })
})
