import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API, CLIENTS, OTHER_API } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  fieldOf,
  headingOf,
  queryOf,
  type Shown,
} from '../../support/pages/person.ts'

const CALLBACK = 'https://notes.example/cb'
const NOTES = {
  client_id: 'notes',
  client_name: 'Notes <b>',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK],
  scope: 'openid email read write',
  audience: [API, OTHER_API],
}
const NATIVE = { ...NOTES, client_id: 'native', redirect_uris: ['http://127.0.0.1/cb', 'cursor://callback'] }
const OWNED = {
  ...NOTES,
  client_id: 'owned',
  client_uri: 'https://owner.example',
  policy_uri: 'https://owner.example/privacy?a=1&b=2',
  tos_uri: 'https://owner.example/terms',
  contacts: ['call <i>us</i>', 'Help@Owner.example', 'more@owner.example'],
}
const HOUSE = { ...NOTES, client_id: 'house', first_party: true }

type Parameters = Readonly<Record<string, string | null>>
const asking = (more: Parameters = {}) =>
  queryOf({
    response_type: 'code',
    client_id: 'notes',
    redirect_uri: CALLBACK,
    scope: 'openid read',
    state: 's',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  })

let deployment: Deployment
let signet: Instance
beforeAll(async () => {
  deployment = await openDeployment([...CLIENTS, NOTES, NATIVE, OWNED, HOUSE])
  signet = await deployment.start()
})
afterAll(() => deployment.close())

let people = 0
const newEmail = () => `consenting${++people}@example.com`

/** A new person at the consent page. */
const arrived = async (more: Parameters = {}) => {
  const ada = createPerson(signet)
  const email = newEmail()
  const page = await ada.signUp(await ada.arrive(asking(more)), email)
  return { ada, email, page }
}
const isConsent = (shown: Shown) => headingOf(shown).startsWith('Allow ')
const codeOf = (shown: Shown) => (shown.location === null ? undefined : answerOf(shown)['code'])

const redeem = (shown: Shown, more: Readonly<Record<string, string>> = {}) =>
  signet.token({
    grant_type: 'authorization_code',
    client_id: 'notes',
    redirect_uri: CALLBACK,
    code: codeOf(shown) ?? '',
    code_verifier: CODE_VERIFIER,
    ...more,
  })
const grantedTo = async (email: string) => {
  const rows = await deployment.database.sql<{ granted: readonly string[] }[]>`
    select c.granted
    from consents c
    join users u on u.id = c.user_id
    where u.email = ${email}`
  return rows.flatMap(({ granted }) => granted)
}

describe('OpenID Connect Core §3.1.2.4 – the consent page', () => {
  it('says who asks and for what, and issues a code after Allow', async () => {
    const { ada, email, page } = await arrived()
    expect(isConsent(page)).toBe(true)
    expect([page.text.includes('notes.example'), page.text.includes(email)]).toEqual([true, true])
    expect([page.text.includes('Notes <b>'), page.text.includes('Notes &#60;b&#62;')]).toEqual([false, true])
    expect((await redeem(await ada.allow(page))).status).toBe(200)
  })

  it('says whose the application is, and leads to its documents in a tab that knows nothing of this one', async () => {
    const { page } = await arrived({ client_id: 'owned' })
    expect(page.text).toContain('run by <strong>owner.example</strong>')
    expect(page.text).toContain('write to <strong>help@owner.example</strong>')
    expect(page.text).not.toContain('call ')
    const links = [...page.text.matchAll(/<a href="(https:[^"]+)"([^>]*)>/g)].map(([, uri, more]) => [
      uri,
      more,
    ])
    const apart = ' target="_blank" rel="noopener noreferrer"'
    expect(links).toEqual([
      ['https://owner.example/privacy?a=1&#38;b=2', apart],
      ['https://owner.example/terms', apart],
    ])
    const { page: bare } = await arrived()
    expect(['run by', 'write to', 'target="_blank"'].filter(text => bare.text.includes(text))).toEqual([])
  })

  it('answers access_denied after Deny, and remembers nothing', async () => {
    const { ada, email, page } = await arrived()
    expect(answerOf(await ada.deny(page))).toMatchObject({ error: 'access_denied', state: 's' })
    expect(answerOf(await ada.submit(page, { decision: 'whatever' }))['error']).toBe('access_denied')
    expect(await grantedTo(email)).toEqual([])
    expect(isConsent(await ada.arrive(asking()))).toBe(true)
  })

  it('is not shown again for what was granted, and is for what is new', async () => {
    const { ada, page } = await arrived()
    await ada.allow(page)
    expect(codeOf(await ada.arrive(asking()))).toBeDefined()
    expect(codeOf(await ada.arrive(asking({ scope: 'read' })))).toBeDefined()
    const more = await ada.arrive(asking({ scope: 'openid read write' }))
    expect(isConsent(more)).toBe(true)
    expect(isConsent(await ada.arrive(asking({ resource: OTHER_API })))).toBe(true)
    expect(isConsent(await ada.arrive(asking({ prompt: 'consent' })))).toBe(true)
    const { body } = await redeem(await ada.allow(more))
    expect(body['scope']).toBe('openid read write')
    expect(codeOf(await ada.arrive(asking({ scope: 'openid read write' })))).toBeDefined()
  })

  it('grants what was asked for, whatever scope the form names', async () => {
    const { ada, email, page } = await arrived()
    const answer = await ada.submit(page, { decision: 'allow', scope: 'write' })
    const { body } = await redeem(answer)
    expect(String(body['scope']).split(' ')).not.toContain('write')
    expect((await grantedTo(email)).filter(each => each.startsWith('write'))).toEqual([])
  })

  it.each(['http://127.0.0.1:5555/cb', 'cursor://callback'])(
    'is shown every time for %s of a public client, which any program can pose as',
    async redirect_uri => {
      const native = { client_id: 'native', redirect_uri }
      const { ada, page } = await arrived(native)
      expect(codeOf(await ada.allow(page))).toBeDefined()
      const again = await ada.arrive(asking(native))
      expect(isConsent(again)).toBe(true)
      expect(answerOf(await ada.open(`/authorize?${asking({ ...native, prompt: 'none' })}`))['error']).toBe(
        'consent_required',
      )
      expect(codeOf(await ada.allow(again))).toBeDefined()
    },
  )

  it('is not shown for a first-party client, unless the request wants it', async () => {
    const { ada, page } = await arrived({ client_id: 'house' })
    expect(codeOf(page)).toBeDefined()
    const asked = await ada.arrive(asking({ client_id: 'house', prompt: 'consent' }))
    expect(isConsent(asked)).toBe(true)
    expect(codeOf(await ada.allow(asked))).toBeDefined()
  })

  it('lets a person sign in as another one, also right after a sign-in for the same request', async () => {
    const { ada, email, page } = await arrived()
    const other = newEmail()
    const eve = createPerson(signet)
    await eve.signUp(await eve.arrive(asking()), other)
    const form = await ada.follow(await ada.submit(page, { decision: 'another' }))
    expect([headingOf(form), fieldOf(form, 'email')]).toEqual(['Sign in', ''])
    const consent = await ada.signIn(form, other)
    expect([isConsent(consent), consent.text.includes(other), consent.text.includes(email)]).toEqual([
      true,
      true,
      false,
    ])
  })
})

describe('an answer that is not the person’s', () => {
  it('is not taken for the consent of another person who has signed in meanwhile', async () => {
    const { ada, page } = await arrived()
    const other = newEmail()
    const tab = await ada.follow(await ada.submit(page, { decision: 'another' }))
    const eve = createPerson(signet)
    await eve.signUp(await eve.arrive(asking()), other)
    await ada.signIn(tab, other)
    const answer = await ada.follow(await ada.allow(page))
    expect([codeOf(answer), isConsent(answer), answer.text.includes(other)]).toEqual([undefined, true, true])
    expect(await grantedTo(other)).toEqual([])
  })

  it('is not taken for what prompt=consent asks of another person, who has granted everything before', async () => {
    const { ada, email } = await arrived({ client_id: 'house' })
    const page = await ada.arrive(asking({ client_id: 'house', prompt: 'consent' }))
    const { ada: eve, email: other } = await arrived({ client_id: 'house' })
    await eve.arrive(asking())
    await ada.signIn(await ada.arrive(asking({ client_id: 'house', prompt: 'login' })), other)
    const answer = await ada.follow(await ada.allow(page))
    expect([isConsent(answer), answer.text.includes(other), answer.text.includes(email)]).toEqual([
      true,
      true,
      false,
    ])
    expect(codeOf(await ada.allow(answer))).toBeDefined()
  })

  it('of one person is not followed by the code of another one who has signed in since', async () => {
    const { ada } = await arrived({ client_id: 'house' })
    const { email: other } = await arrived({ client_id: 'house' })
    const page = await ada.arrive(asking({ client_id: 'house', prompt: 'select_account' }))
    await ada.signIn(await ada.arrive(asking({ client_id: 'house', prompt: 'login' })), other)
    const answer = await ada.submit(page, { decision: 'continue' })
    expect([answer.status, answer.location, answer.text.includes('/authorize?')]).toEqual([400, null, true])
  })

  it('is not taken from another browser, from another page, or without a session', async () => {
    const { ada, email, page } = await arrived()
    const { ada: eve } = await arrived()
    expect((await eve.allow(page)).status).toBe(400)
    const foreign = { origin: 'https://notes.example', 'sec-fetch-site': 'cross-site' }
    expect((await ada.submit(page, { decision: 'allow' }, foreign)).status).toBe(403)
    ada.jar.delete('signet-session')
    expect(headingOf(await ada.follow(await ada.allow(page)))).toBe('Sign in')
    expect(await grantedTo(email)).toEqual([])
  })

  it('is not taken from a sealed request of a page that was shown before the sign-in', async () => {
    const ada = createPerson(signet)
    const form = await ada.arrive(asking())
    const email = newEmail()
    const page = await ada.signUp(form, email)
    const request = fieldOf(form, 'request') ?? ''
    const answer = await ada.follow(await ada.submit(page, { request, decision: 'allow' }))
    expect([codeOf(answer), isConsent(answer)]).toEqual([undefined, true])
    expect(await grantedTo(email)).toEqual([])
  })

  it('may not be got by a frame around the page', async () => {
    const { page } = await arrived()
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(page.headers.get('x-frame-options')).toBe('DENY')
    expect(page.headers.get('content-security-policy')).toContain(
      "form-action 'self' https://notes.example https: http://localhost:* http://127.0.0.1:*;",
    )
  })
})

describe('a consent that is withdrawn', () => {
  it('takes the codes with it that were not redeemed, and is asked for again', async () => {
    const { ada, email, page } = await arrived()
    const answer = await ada.allow(page)
    await deployment.database.sql`
      update consents
      set version = version + 1, granted = '{}'
      where user_id = (select id from users where email = ${email})`
    const { status, body } = await redeem(answer)
    expect([status, body.error]).toEqual([400, 'invalid_grant'])
    expect(isConsent(await ada.arrive(asking()))).toBe(true)
  })
})
