import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf, signUp } from '../../support/accounts/account-api.ts'
import { newEmail, times } from '../../support/ask.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'

describe.each(deployments)('PATCH /auth/me ($name)', ({ open }) => {
  let deployment: Deployment
  let one: Instance
  let other: Instance
  beforeAll(async () => {
    deployment = await open([])
    one = await deployment.start()
    other = await deployment.start()
  })
  afterAll(() => deployment.close())

  const change = (token: string, body: object, server = one) =>
    server.ask('/auth/me', { method: 'PATCH', body, token })
  const read = async (token: string) => (await one.ask('/auth/me', { token })).body
  it('changes the claims that it names, and leaves the others as they are', async () => {
    const { access_token: token, user } = await signUp(one, newEmail())
    const bystander = await signUp(one, newEmail())
    expect(await read(token)).toEqual(user)
    const named = { name: ' Ada Lovelace ', zoneinfo: 'Europe/London' }
    const changed = await change(token, named)
    expect([changed.status, changed.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const updated_at = expect.any(String)
    expect(changed.body).toEqual({ ...user, ...named, name: 'Ada Lovelace', updated_at })
    expect(await read(token)).toEqual(changed.body)
    await change(token, { name: null, locale: 'de-CH' })
    expect(await read(token)).toEqual({ ...user, zoneinfo: 'Europe/London', locale: 'de-CH', updated_at })
    await change(token, { zoneinfo: '', locale: '' })
    expect(await read(token)).toEqual(user)
    expect(await read(bystander.access_token)).toEqual(bystander.user)
  })

  it('moves updated_at when a claim becomes another, and at no other time', async () => {
    const { access_token: token } = await signUp(one, newEmail())
    const first = (await change(token, { name: 'Ada' })).body['updated_at']
    for (const same of [{ name: 'Ada' }, { name: ' Ada ', locale: null }, {}])
      expect((await change(token, same)).body['updated_at']).toBe(first)
    expect((await change(token, { name: 'Ada L.' })).body['updated_at']).not.toBe(first)
  })

  it('names every claim that may not be so, and changes none', async () => {
    const { access_token: token, user } = await signUp(one, newEmail())
    const wrong = { name: 'Ada', picture: 'http://img.example/a.png', zoneinfo: 'Mars' }
    const refused = await change(token, wrong)
    expect(outcomeOf(refused)).toBe('422 FIELDS_INVALID')
    expect(refused.body.errors?.map(({ pointer }) => pointer)).toEqual(['#/picture', '#/zoneinfo'])
    expect(outcomeOf(await change(token, { name: ['Ada'] }))).toBe('422 FIELDS_INVALID')
    expect(outcomeOf(await change('none', { name: 'Ada' }))).toBe('401 AUTH_TOKEN_INVALID')
    expect(await read(token)).toEqual(user)
  })

  it('gives nothing that an operator gives: the id of another system, an address, a role', async () => {
    const { access_token: token, user } = await signUp(one, newEmail())
    const coveted = { external_id: 'auth0|1', email: 'x@example.com', roles: ['admin'], email_verified: true }
    expect((await change(token, { ...coveted, name: 'Ada' })).status).toBe(200)
    expect(await read(token)).toMatchObject({ ...user, name: 'Ada' })
    const [row] = await deployment.database.sql`select external_id from users where id = ${user.id}`
    expect(row).toEqual({ external_id: null })
  })

  it('loses no claim of two changes at once', async () => {
    const { access_token: token } = await signUp(one, newEmail())
    for (const round of times(5)) {
      await Promise.all([
        change(token, { given_name: `Ada ${round}` }),
        change(token, { family_name: `Lovelace ${round}` }, other),
      ])
      const both = { given_name: `Ada ${round}`, family_name: `Lovelace ${round}` }
      expect(await read(token)).toMatchObject(both)
    }
  })
})
