import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API, basic, CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { answerOf, CODE_CHALLENGE, createPerson, type Person, queryOf } from '../../support/pages/person.ts'

const SECRET = 'a-secret-of-the-shop-0123456789-0123456789'
const CALLBACK = 'https://shop.example/cb'
const BYE = 'https://shop.example/bye'
const SHOP = {
  client_id: 'shop',
  client_secret: SECRET,
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK],
  post_logout_redirect_uris: [BYE],
  scope: 'openid read',
  audience: [API],
}
const ASKED = {
  response_type: 'code',
  redirect_uri: CALLBACK,
  scope: 'openid read',
  state: 's',
  code_challenge: CODE_CHALLENGE,
  code_challenge_method: 'S256',
}

let deployment: Deployment
let signet: Instance
beforeAll(async () => {
  deployment = await openDeployment([...CLIENTS, SHOP])
  signet = await deployment.start()
})
afterAll(() => deployment.close())

const LOOKS: readonly (readonly [
  string,
  number,
  (person: Person, path: string) => ReturnType<Person['open']>,
])[] = [
  ['a HEAD', 200, (person, path) => person.head(path)],
  ['a prefetch', 503, (person, path) => person.open(path, { 'sec-purpose': 'prefetch' })],
  ['a prerender', 503, (person, path) => person.open(path, { 'sec-purpose': 'prefetch;prerender' })],
  ['a prefetch of an older browser', 503, (person, path) => person.open(path, { purpose: 'prefetch' })],
]

/** Everything that a visit could change. */
const rows = async () => {
  const { sql } = deployment.database
  const [codes, pushed, sessions, consents] = await Promise.all([
    sql`select digest from authorization_codes order by digest`,
    sql`select digest from pushed_requests order by digest`,
    sql`select * from browser_sessions order by id`,
    sql`select * from consents order by user_id`,
  ])
  return { codes, pushed, sessions, consents }
}

const push = async (more = {}) => {
  const { body } = await signet.post('/par', { ...ASKED, ...more }, basic('shop', SECRET))
  return queryOf({ client_id: 'shop', request_uri: String(body['request_uri']) })
}

describe('RFC 9110 §9.2.1 – an address that is only looked at', () => {
  it('issues nothing, consumes nothing and changes no session, and works when the person comes', async () => {
    const ada = createPerson(signet)
    const waiting = (await ada.open(`/authorize?${await push()}`)).location ?? ''
    const consent = await ada.signUp(await ada.open(waiting), 'looking@example.com')
    expect(answerOf(await ada.allow(consent))).toMatchObject({ code: expect.any(String) })
    const silent = `/authorize?${await push()}`
    const asked = (await ada.open(`/authorize?${await push({ prompt: 'consent' })}`)).location ?? ''
    expect([waiting.split('?')[0], asked.split('?')[0]]).toEqual(['/sign-in', '/consent'])
    const out = `/logout?${queryOf({ client_id: 'shop', post_logout_redirect_uri: BYE })}`
    // A session that a visit would prolong.
    await deployment.database.sql`update browser_sessions set idle_expires_at = now() + interval '1 hour'`
    const before = await rows()
    for (const [, status, look] of LOOKS)
      for (const path of [silent, waiting, waiting.replace('/sign-in', '/sign-up'), asked, out]) {
        const shown = await look(ada, path)
        expect([path, shown.status, shown.location, shown.text]).toEqual([path, status, null, ''])
        expect(shown.headers.getSetCookie()).toEqual([])
      }
    expect(await rows()).toEqual(before)
    expect(answerOf(await ada.open(silent))).toMatchObject({ code: expect.any(String) })
    expect((await ada.open(asked)).status).toBe(200)
  })

  it('is no error in the log', () => {
    const looks = signet.lines.filter(line => line['status'] === 503)
    expect(looks.length).toBeGreaterThan(0)
    expect(signet.lines.filter(line => line['level'] === 'error')).toEqual([])
  })
})
