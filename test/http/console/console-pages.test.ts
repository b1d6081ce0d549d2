import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALIVE, DEAD, lives, refreshTokens, sidOf, signUp } from '../../support/accounts/account-api.ts'
import { newEmail } from '../../support/ask.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'
import {
  CONSOLE,
  type ConsoleBrowser,
  createConsoleBrowser,
  enterConsole,
  openConsole,
} from '../../support/pages/console-browser.ts'
import { fieldOf, headingOf } from '../../support/pages/person.ts'
import { unescapeHtml } from '../../support/pages/plain-browser.ts'

describe('the pages of the console', () => {
  let deployment: Deployment
  let signet: Instance
  let admin: ConsoleBrowser
  let viewer: ConsoleBrowser
  beforeAll(async () => {
    ;({ deployment, signet, browser: admin } = await openConsole('signet:admin'))
    viewer = await enterConsole(deployment, signet, 'signet:viewer')
  })
  afterAll(() => deployment.close())

  const newPerson = async (agent?: string) => {
    const email = newEmail()
    const tokens = await signUp(signet, email, {}, agent === undefined ? {} : { 'user-agent': agent })
    const [row] = await deployment.database.run(
      sql => sql<{ id: string }[]>`select id from signet.users where email = ${email}`,
    )
    return { email, tokens, path: `/console/accounts/${row?.id ?? ''}` }
  }

  it('asks before an account is disabled, shows the same by hand, says what was done, and enables it again', async () => {
    const { email, tokens, path } = await newPerson()
    const bystander = await newPerson()
    const asked = await admin.open(`${path}/disable`)
    expect(headingOf(asked)).toBe('Disable this account')
    expect(asked.text).toContain(email)
    expect(asked.text).toMatch(/curl -X POST .*\/admin\/accounts\/[\w-]+\/disable/)
    expect(asked.text).toMatch(/signetd accounts disable [\w-]+/)
    expect(await lives(signet, tokens)).toEqual(ALIVE)
    const done = await admin.confirm(`${path}/disable`)
    expect(done.text).toContain('The account is disabled. One sign-in was ended.')
    expect(await lives(signet, tokens)).toEqual(DEAD)
    expect(await lives(signet, bystander.tokens)).toEqual(ALIVE)
    expect((await admin.confirm(`${path}/enable`)).text).toContain('The account is enabled.')
  })

  it('tells why a person was signed out, and ends one sign-in alone', async () => {
    const { email, tokens } = await newPerson()
    const found = await admin.open(`/console/find?q=${encodeURIComponent(email)}`)
    expect(found.text).toContain('>account<')
    const sid = sidOf(tokens)
    const page = await admin.open(`/console/sign-ins/${sid}`)
    expect(headingOf(page)).toBe(`Sign-in of ${email}`)
    expect(page.text).toMatch(/<svg class="line"[\s\S]*issued/)
    const done = await admin.confirm(`/console/sign-ins/${sid}/end`)
    expect(done.text).toContain('The sign-in has ended.')
    expect(done.text).toMatch(/<span class="badge bad">ended<\/span>/)
    expect(await lives(signet, tokens)).toEqual(DEAD)
  })

  it('tells of a used token that came back: which one, from where, and that the sign-in ended', async () => {
    const { tokens } = await newPerson()
    const next = await refreshTokens(signet, tokens)
    await refreshTokens(signet, next.body)
    const back = { headers: { 'X-Forwarded-For': '192.0.2.44' } }
    await signet.ask('/auth/refresh', { body: { refresh_token: tokens.refresh_token }, ...back })
    const { text } = await admin.open(`/console/sign-ins/${sidOf(tokens)}`)
    expect(text).toContain('rotated ×2')
    expect(text).toContain('refresh token reused: generation 0 presented, current was 2, from 192.0.2.44')
    expect(text).toMatch(/<span class="badge bad">ended<\/span>/)
  })

  it('refuses a change of what another administrator has changed meanwhile', async () => {
    const { path } = await newPerson()
    const page = await admin.open(`${path}/change`)
    const etag = fieldOf(page, 'etag') ?? ''
    const send = (roles: string) => admin.submit(page, `${path}/change`, { etag, roles })
    for (const forged of ['"a"\r\nx-forwarded-for: 192.0.2.44', '"☃"', '\0'])
      expect((await admin.submit(page, `${path}/change`, { etag: forged, roles: 'user' })).status).toBe(412)
    expect((await send('user editor')).status).toBe(303)
    const late = await send('user')
    expect([late.status, headingOf(late)]).toEqual([412, 'Change this account'])
    expect((await admin.open(path)).text).toContain('user editor')
  })

  it('quotes for the shell what an address has named, in the commands that do the same', async () => {
    const hostile = "a'; touch x; $(id) `id` \u001b[2J"
    const { text } = await admin.open(`/console/events?actor=${encodeURIComponent(hostile)}`)
    expect(unescapeHtml(text)).toContain("--actor 'a'\\''; touch x; $(id) `id` \ufffd[2J'")
  })

  it('says beside the field what is wrong with a form, and changes nothing', async () => {
    const page = await admin.open('/console/accounts/new')
    const wrong = await admin.submit(page, '/console/accounts/new', { email: 'no-address', roles: 'a' })
    expect(wrong.status).toBe(422)
    expect(wrong.text).toMatch(/id="email"[^>]*value="no-address"[^>]*aria-invalid="true"/)
  })

  it('shows a viewer no button, and does nothing for a viewer who sends a form all the same', async () => {
    const { tokens, path } = await newPerson()
    const page = await viewer.open(path)
    expect(page.status).toBe(200)
    expect(page.text).not.toMatch(/Disable|Delete|End every|Withdraw/)
    expect((await viewer.open(`${path}/disable`)).text).not.toContain('<button class="danger"')
    const refused = await viewer.submit(page, `${path}/disable`)
    expect([refused.status, headingOf(refused)]).toEqual([403, 'This was refused'])
    expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('does nothing for an administrator who was signed out meanwhile', async () => {
    const { tokens, path } = await newPerson()
    const page = await admin.open(`${path}/delete`)
    const stranger = createConsoleBrowser([signet])
    const shown = await stranger.submit(page, `${path}/delete`)
    expect([shown.status, headingOf(shown)]).toEqual([401, 'You are signed out of the console'])
    expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('shows what strangers have written as text, in HTML and in SVG', async () => {
    const agent = '"><script>alert(1)</script><svg onload=alert(2)>\u202egnp.exe'
    const { email, path } = await newPerson(encodeURI(agent))
    await deployment.database.run(
      sql => sql`
        update signet.users set name = ${agent}, roles = ${['user', 'a<b>"c']}::text[]
        where email = ${email}`,
    )
    await deployment.database.run(
      sql => sql`
        update signet.refresh_families set last_user_agent = ${agent}, client_id = ${agent}
        where user_id = (select id from signet.users where email = ${email})`,
    )
    const addresses = [
      path,
      '/console/sign-ins',
      `/console/accounts?email_prefix=${encodeURIComponent(agent)}`,
      `/console/find?q=${encodeURIComponent(agent)}`,
    ]
    for (const address of addresses) {
      const { text } = await admin.open(address)
      expect(text).not.toContain('<script>alert')
      expect(text).not.toContain('<svg onload')
      // The fields of a form hold what the administrator has written.
      expect(text.replaceAll(/<input[^>]*>/g, '')).not.toContain('\u202e')
    }
  })

  it('says so where there is nothing, and where this server offers nothing', async () => {
    const gone = await admin.open('/console/accounts/00000000-0000-4000-8000-000000000000')
    expect([gone.status, headingOf(gone)]).toEqual([404, 'There is no such thing here'])
    expect((await admin.open('/console/accounts/00000000-0000-4000-8000-000000000000/burn')).status).toBe(404)
  })

  it('has its own page for an unknown address, after the sign-in, and none for a program', async () => {
    const asked = { accept: 'text/html' }
    for (const browser of [admin, viewer]) {
      const unknown = await browser.open('/console/no/such?page=1', asked)
      expect([unknown.status, headingOf(unknown)]).toEqual([404, 'There is no such page'])
      expect(unknown.text).toContain('<nav class="tabs" aria-label="Console">')
      expect(unknown.headers.get('access-control-allow-origin')).toBeNull()
      expect(unknown.headers.get('cache-control')).toBe('no-store')
    }
    const stranger = await createConsoleBrowser([signet]).open('/console/no/such', asked)
    expect([stranger.status, stranger.location]).toEqual([303, expect.stringContaining('/authorize?')])
    const program = await admin.open('/console/no/such')
    expect([program.status, program.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
    const elsewhere = await admin.open('/consoles', asked)
    expect([elsewhere.status, elsewhere.text.includes('class="tabs"')]).toEqual([404, false])
    expect((await admin.open('/console/sign-out', asked)).status).toBe(405)
  })

  it('has a policy without unsafe-*, and no cache', async () => {
    const { headers, status } = await admin.open('/console/accounts')
    expect(status).toBe(200)
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
    expect(headers.get('content-security-policy')).not.toContain('unsafe')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-frame-options')).toBe('DENY')
  })

  it('is not on the public listener, and its cookie does not leave its path', async () => {
    expect((await signet.fetch('/console')).status).toBe(404)
    const begun = await createConsoleBrowser([signet]).open(`${CONSOLE}/console`)
    expect(begun.headers.get('set-cookie')).toMatch(
      /^signet-console=[^;]+; Path=\/console; .*HttpOnly; SameSite=Lax$/,
    )
  })
})
