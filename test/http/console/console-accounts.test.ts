import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALIVE, DEAD, lives, signUp } from '../../support/accounts/account-api.ts'
import { newEmail } from '../../support/ask.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'
import { type ConsoleBrowser, openConsole } from '../../support/pages/console-browser.ts'

describe('the accounts of the console', () => {
  let deployment: Deployment
  let signet: Instance
  let browser: ConsoleBrowser
  beforeAll(async () => {
    ;({ deployment, signet, browser } = await openConsole('signet:admin'))
  })
  afterAll(() => deployment.close())

  const person = async () => {
    const tokens = await signUp(signet, newEmail())
    return { tokens, sub: tokens.user.id, path: `/console/accounts/${tokens.user.id}` }
  }

  it('are shown with everything that a person has', async () => {
    const { sub, path } = await person()
    const identity = `subject-${randomUUID()}`
    await deployment.database.run(
      sql => sql`
        with identified as (
          insert into signet.upstream_identities (user_id, id, issuer, subject, email)
          values (${sub}, gen_random_uuid(), 'https://harbour.example', ${identity}, 'ada@harbour.example')
        ),
        granted as (
          insert into signet.consents (user_id, client_id, granted, declined) values (${sub}, 'app', '{read}', '{}')
        ),
        keys as (
          insert into signet.passkeys (id, user_id, public_key, counter, transports, backup_eligible, backed_up, label)
          values (${identity}, ${sub}, '\\x00', 0, '{}', false, false, 'Blue key')
        )
        update signet.users
        set external_id = ${identity}, name = 'Ada', email_verified_at = now(), roles = '{user,editor}'
        where id = ${sub}`,
    )
    const { text, status } = await browser.open(path)
    expect(status).toBe(200)
    for (const shown of [identity, 'Blue key', 'editor', 'e-mail confirmed', 'app', 'Ada', 'harbour'])
      expect(text.toLowerCase()).toContain(shown.toLowerCase())
  })

  it('lose their sign-ins and their factors, and are deleted, each after a question', async () => {
    const { tokens, path } = await person()
    const bystander = await person()
    expect((await browser.confirm(`${path}/end-sign-ins`)).text).toContain('One sign-in was ended.')
    expect(await lives(signet, tokens)).toEqual(DEAD)
    expect((await browser.confirm(`${path}/factors`)).status).toBeLessThan(500)
    const list = await browser.open('/console/accounts')
    expect(list.text).toContain(path)
    expect((await browser.confirm(`${path}/delete`)).text).toContain('deleted')
    expect((await browser.open(path)).status).toBe(404)
    expect(await lives(signet, bystander.tokens)).toEqual(ALIVE)
  })

  it('lose a consent after a question, with the sign-ins there alone, and are exported', async () => {
    const { tokens, sub, path } = await person()
    await deployment.database.run(
      sql => sql`
        insert into signet.consents (user_id, client_id, granted, declined)
        values (${sub}, 'https://app.example/one?a=b', '{read}', '{}')`,
    )
    const withdraw = `${path}/withdraw?client_id=https%3A%2F%2Fapp.example%2Fone%3Fa%3Db`
    expect((await browser.open(path)).text).toContain(withdraw)
    const asked = await browser.open(withdraw)
    expect(asked.text).toContain('https://app.example/one?a=b')
    expect(asked.text).toMatch(/curl -X DELETE .*\/consents\/https%3A%2F%2Fapp\.example%2Fone%3Fa%3Db/)
    expect(asked.text).toContain(`signetd accounts withdraw-consent ${sub}`)
    expect((await browser.confirm(withdraw)).text).toContain(
      'The consent is withdrawn. 0 sign-ins were ended.',
    )
    expect((await browser.open(path)).text).not.toContain('/withdraw?')
    expect(await lives(signet, tokens)).toEqual(ALIVE)

    const file = await browser.open(`${path}/export`)
    expect(file.headers.get('content-disposition')).toBe(`attachment; filename="account-${sub}.json"`)
    expect(file.body).toMatchObject({ account: { id: sub }, consents: [{ granted: [] }], sign_ins: [{}] })
    expect((await browser.open(`/console/accounts/${randomUUID()}/export`)).status).toBe(404)
    const exports = async () => (await browser.open(`/console/events?kind=account.exported&sub=${sub}`)).text
    const once = await exports()
    expect(once).toContain('account.exported')
    // A link of another page: its click leaves neither a file nor an event.
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }
    const led = await browser.open(`${path}/export`, link)
    expect([led.status, led.headers.get('location'), led.text]).toEqual([303, path, ''])
    const rows = (page: string) => page.match(/account\.exported</g)?.length
    expect(rows(await exports())).toBe(rows(once))
  })

  it('are created, and the address is taken from then on', async () => {
    const email = newEmail()
    const page = await browser.open('/console/accounts/new')
    const create = () =>
      browser.submit(page, '/console/accounts/new', { email, roles: 'user', name: 'Grace' })
    const created = await browser.follow(await create())
    expect(created.status).toBe(200)
    expect(created.text).toContain(email)
    expect((await create()).status).toBe(409)
    expect((await browser.open(`/console/find?q=${encodeURIComponent(email)}`)).text).toContain('account')
  })
})
