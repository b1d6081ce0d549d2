import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf, signUp } from '../../support/accounts/account-api.ts'
import { PASSWORD } from '../../support/ask.ts'
import { API, CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  createPerson,
  fieldOf,
  headingOf,
  queryOf,
} from '../../support/pages/person.ts'

const HOUSE = {
  client_id: 'house',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code'],
  redirect_uris: ['https://house.example/cb'],
  scope: 'openid read',
  audience: [API],
  first_party: true,
}
const asking = queryOf({
  response_type: 'code',
  client_id: 'house',
  redirect_uri: 'https://house.example/cb',
  prompt: 'create',
  state: 's',
  code_challenge: CODE_CHALLENGE,
  code_challenge_method: 'S256',
})

let deployment: Deployment
let open: Instance
let closed: Instance
beforeAll(async () => {
  deployment = await openDeployment([...CLIENTS, HOUSE])
  open = await deployment.start()
  closed = await deployment.start({ environment: { SIGN_UP: 'closed' } })
})
afterAll(() => deployment.close())

let people = 0
const newEmail = () => `joining${++people}@example.com`
const peopleWith = async (email: string) => {
  const rows = await deployment.database.sql`select from users where email = ${email}`
  return rows.length
}

describe('the sign-up page', () => {
  it('opens an account, signs it in and goes on with the request', async () => {
    const ada = createPerson(open)
    const page = await ada.arrive(asking)
    expect(headingOf(page)).toBe('Create an account')
    const email = newEmail()
    const answer = await ada.follow(await ada.submit(page, { email, password: PASSWORD }))
    expect(answerOf(answer)).toMatchObject({ state: 's', code: expect.any(String) })
    expect([await peopleWith(email), ada.jar.has('signet-session')]).toEqual([1, true])
  })

  it('names each wrong field, keeps the address and never the password', async () => {
    const ada = createPerson(open)
    const page = await ada.arrive(asking)
    const wrong = await ada.submit(page, { email: 'no address"><b>', password: 'short' })
    expect([wrong.status, fieldOf(wrong, 'email'), fieldOf(wrong, 'password')]).toEqual([
      422,
      'no address"><b>',
      '',
    ])
    expect(wrong.text).not.toContain('"><b>')
    const taken = newEmail()
    await signUp(open, taken)
    expect((await ada.submit(wrong, { email: taken, password: PASSWORD })).status).toBe(409)
    expect(ada.jar.has('signet-session')).toBe(false)
  })

  it('is refused from another page and in another browser', async () => {
    const ada = createPerson(open)
    const page = await ada.arrive(asking)
    const fields = { email: newEmail(), password: PASSWORD }
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    expect((await ada.submit(page, fields, foreign)).status).toBe(403)
    expect((await createPerson(open).submit(page, fields)).status).toBe(400)
    expect(await peopleWith(fields.email)).toBe(0)
  })
})

describe('SIGN_UP=closed', () => {
  it('shows the sign-in, without a way to open an account', async () => {
    const ada = createPerson(closed)
    const page = await ada.arrive(asking)
    expect(headingOf(page)).toBe('Sign in')
    expect(page.text).not.toContain('/sign-up')
    expect(headingOf(await ada.follow(await ada.open('/sign-up')))).toBe('Sign in')
  })

  it('opens no account from a page that was made before, and keeps its request', async () => {
    const ada = createPerson(open)
    const page = await ada.arrive(asking)
    const late = createPerson(closed)
    for (const [name, value] of ada.jar) late.jar.set(name, value)
    const email = newEmail()
    const form = await late.follow(await late.submit(page, { email, password: PASSWORD }))
    expect([headingOf(form), await peopleWith(email)]).toEqual(['Sign in', 0])
    const known = newEmail()
    await signUp(open, known)
    expect(answerOf(await late.signIn(form, known))).toMatchObject({ state: 's' })
  })

  it('holds for the account API', async () => {
    const email = newEmail()
    const answer = await closed.ask('/auth/register', { body: { email, password: PASSWORD } })
    expect([outcomeOf(answer), await peopleWith(email)]).toEqual(['403 SIGN_UP_CLOSED', 0])
    await signUp(open, email)
    const again = await closed.ask('/auth/register', { body: { email, password: PASSWORD } })
    expect(outcomeOf(again)).toBe('403 SIGN_UP_CLOSED')
  })
})
