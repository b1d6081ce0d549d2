import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/config.ts'
import { outcomeOf, refreshTokens, signIn, signUp } from '../../support/accounts/account-api.ts'
import {
  forgot,
  me,
  NEW_PASSWORD,
  type Post,
  resetToken,
  SUBJECTS,
  startWithMail,
} from '../../support/accounts/mail.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type Deployment, ISSUER, openDeployment, openEmbeddedDeployment } from '../../support/deployment.ts'
import { linkIn } from '../../support/services/mailbox.ts'

describe('the pages of mailed links', () => {
  let deployment: Deployment
  let post: Post
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment([])
    post = await startWithMail(deployment)
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })
  const fetch = (url: string, init: RequestInit = {}) => post.signet.listenable(new Request(url, init))
  const submit = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
    const body = new URLSearchParams(fields).toString()
    return fetch(`${ISSUER}${path}`, {
      method: 'POST',
      body,
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        'Content-Length': String(body.length),
        ...headers,
      },
    })
  }

  it('confirm an address by a button, and not by being opened', async () => {
    const { access_token } = await signUp(post.signet, 'ada@page.example')
    const { url, token } = linkIn(await post.mailbox.mailTo('ada@page.example', SUBJECTS.verify))
    for (const method of ['GET', 'HEAD', 'GET']) expect((await fetch(url, { method })).status).toBe(200)
    expect(await me(post.signet, { access_token })).toMatchObject({ email_verified: false })
    const page = await (await fetch(url)).text()
    expect(page).toContain(`<input type="hidden" name="token" value="${token}">`)
    const answer = await submit('/confirm-email', { token })
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('is confirmed')])
    expect(await me(post.signet, { access_token })).toMatchObject({ email_verified: true })
  })

  it('say that an address is confirmed already, when its link is opened or its button pressed again', async () => {
    const { access_token } = await signUp(post.signet, 'twice@page.example')
    const { url, token } = linkIn(await post.mailbox.mailTo('twice@page.example', SUBJECTS.verify))
    const all = await Promise.all([1, 2, 3].map(() => submit('/confirm-email', { token })))
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200])
    for (const answer of [await fetch(url), await submit('/confirm-email', { token })]) {
      const text = await answer.text()
      expect([answer.status, text]).toEqual([200, expect.stringContaining('already confirmed')])
      expect(text).not.toContain('twice@page.example')
    }
    expect(outcomeOf(await post.signet.ask('/auth/email/verify', { body: { token } }))).toBe(
      '400 LINK_INVALID',
    )
    expect(await me(post.signet, { access_token })).toMatchObject({ email_verified: true })
  })

  it('say at once that a link is dead, to GET too, and show its address to no holder of a dead one', async () => {
    await signUp(post.signet, 'late@page.example')
    const token = await resetToken(post, 'late@page.example')
    const open = () => fetch(`${ISSUER}/reset-password?token=${token}`)
    expect(await (await open()).text()).toContain('late@page.example')
    expect((await submit('/reset-password', { token, new_password: NEW_PASSWORD })).status).toBe(200)
    const unknown = `signet_el_${'A'.repeat(43)}`
    for (const answer of [
      await open(),
      await fetch(`${ISSUER}/reset-password?token=${unknown}`),
      await fetch(`${ISSUER}/confirm-email?token=${unknown}`),
      await fetch(`${ISSUER}/confirm-email?token=${token}`),
      await submit('/reset-password', { token, new_password: NEW_PASSWORD }),
    ]) {
      const text = await answer.text()
      expect([answer.status, text]).toEqual([400, expect.stringContaining('This link no longer works')])
      expect(text).not.toContain('late@page.example')
    }
  })

  it('do nothing with a link of the other purpose, which still works on its own page', async () => {
    await signUp(post.signet, 'other@page.example')
    const { url } = linkIn(await post.mailbox.mailTo('other@page.example', SUBJECTS.verify))
    const wrong = url.replace('/confirm-email', '/reset-password')
    expect((await fetch(wrong)).status).toBe(400)
    expect((await fetch(url)).status).toBe(200)
  })

  it('have the reference of the log where they refuse something', async () => {
    const answer = await fetch(`${ISSUER}/confirm-email?token=x`)
    const request_id = answer.headers.get('x-request-id') ?? ''
    const text = await answer.text()
    expect(text).toContain(`<code>${request_id}</code>`)
    expect(text).toContain('<title>Error: This link no longer works · Signet</title>')
    expect(post.signet.lines).toContainEqual(expect.objectContaining({ request_id, path: '/confirm-email' }))
  })

  it('take a new password, and explain in the page why one is refused', async () => {
    await signUp(post.signet, 'bob@page.example')
    const token = await resetToken(post, 'bob@page.example')
    expect(await (await fetch(`${ISSUER}/reset-password?token=${token}`)).text()).toContain(
      'autocomplete="new-password"',
    )
    const refused = await submit('/reset-password', { token, new_password: 'short' })
    const text = await refused.text()
    expect([refused.status, text]).toEqual([422, expect.stringContaining('role="alert"')])
    expect(text).toContain(token)
    expect(text).toContain('<title>Error: Choose a new password')
    expect(text).toContain('aria-invalid="true" aria-describedby="new_password-hint new_password-fault"')
    expect(text).not.toContain('value="short"')
    expect((await submit('/reset-password', { token, new_password: NEW_PASSWORD })).status).toBe(200)
    await signIn(post.signet, 'bob@page.example', { password: NEW_PASSWORD })
  })

  it('load nothing from elsewhere, cannot be framed or cached, and send no Referer to other pages', async () => {
    const { headers } = await fetch(`${ISSUER}/reset-password?token=x`)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'; img-src 'self'; form-action 'self';/,
    )
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/unsafe|http/)
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it('are in German for a browser that prefers German', async () => {
    const german = { headers: { 'Accept-Language': 'de' } }
    const gone = await fetch(`${ISSUER}/reset-password?token=x`, german)
    expect(await gone.text()).toContain('Dieser Link gilt nicht mehr')
    await signUp(post.signet, 'dora@page.example')
    const token = await resetToken(post, 'dora@page.example')
    const page = await (await fetch(`${ISSUER}/reset-password?token=${token}`, german)).text()
    expect(page).toContain('<html lang="de" dir="ltr"')
    expect(page).toContain('Neues Passwort wählen')
    const refused = await submit('/reset-password', { token, new_password: 'kurz' }, german.headers)
    expect(await refused.text()).toContain('Dieses Passwort ist zu kurz. Es braucht mindestens 8 Zeichen.')
  })

  it('offer the other language, in which the form is answered too', async () => {
    await signUp(post.signet, 'emil@page.example')
    const token = await resetToken(post, 'emil@page.example')
    const path = `/reset-password?token=${token}`
    const english = await (await fetch(`${ISSUER}${path}`)).text()
    expect(english).toContain(`<a href="${path}&#38;ui_locales=de" lang="de" hreflang="de">Deutsch</a>`)
    const german = await (await fetch(`${ISSUER}${path}&ui_locales=de`)).text()
    expect(german).toContain('action="/reset-password?ui_locales=de"')
    const refused = await submit('/reset-password?ui_locales=de', { token, new_password: 'kurz' })
    const text = await refused.text()
    expect(text).toContain('Dieses Passwort ist zu kurz.')
    expect(text).toContain(`<a href="${path}&#38;ui_locales=en" lang="en" hreflang="en">English</a>`)
  })

  it.each([
    ['GET', '/confirm-email', 400],
    ['GET', '/confirm-email?token=', 400],
    ['POST', '/confirm-email', 400],
    ['POST', '/confirm-email?token=x', 400],
  ])('answer %s %s with a page and the status %d', async (method, path, status) => {
    const answer = await fetch(`${ISSUER}${path}`, { method })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8'])
  })

  it('leave no token and no address in the log', async () => {
    await signUp(post.signet, 'eve@page.example')
    const token = await resetToken(post, 'eve@page.example')
    await fetch(`${ISSUER}/reset-password?token=${token}`)
    await submit('/reset-password', { token, new_password: NEW_PASSWORD })
    await submit('/reset-password', { token, new_password: NEW_PASSWORD })
    await post.signet.ask('/auth/password/reset', { body: { token, new_password: NEW_PASSWORD } })
    expect(post.signet.lines.some(line => line['path'] === '/reset-password')).toBe(true)
    const text = JSON.stringify(post.signet.lines)
    expect(text).not.toContain(token.slice(0, 20))
    expect(text).not.toMatch(/@page\.example|lantern|token=/)
  })
})

describe('a server without SMTP_URL', () => {
  it('prints mails to the developer on the embedded default', async () => {
    const deployment = await openEmbeddedDeployment([])
    const shown: string[] = []
    const more = { MAIL_LINK_URL: 'https://app.example/account' }
    const signet = await deployment.start({ environment: more, printMail: text => void shown.push(text) })
    await signUp(signet, 'dev@console.example')
    await expect.poll(() => shown).toHaveLength(1)
    expect(shown[0]).toMatch(/^Mail to dev@console\.example: Confirm your e-mail address\n\n/)
    expect(shown[0]).toMatch(
      /\nhttps:\/\/app\.example\/account#purpose=verify_email&token=signet_el_[\w-]{43}\n/,
    )
    await signet.close()
    await deployment.close()
  })

  it.skipIf(!hasPostgres)(
    'answers MAIL_OFF on Postgres, warns at the start, and serves accounts as usual',
    async () => {
      const deployment = await openDeployment([])
      const signet = await deployment.start()
      expect(signet.lines).toContainEqual(
        expect.objectContaining({ level: 'warn', message: expect.stringContaining('SMTP_URL') }),
      )
      const tokens = await signUp(signet, 'ada@off.example')
      await signIn(signet, 'ada@off.example')
      expect(outcomeOf(await forgot(signet, 'ada@off.example'))).toBe('404 MAIL_OFF')
      expect(outcomeOf(await forgot(signet, 'nobody@off.example'))).toBe('404 MAIL_OFF')
      expect(
        outcomeOf(
          await signet.ask('/auth/email/verification', { method: 'POST', token: tokens.access_token }),
        ),
      ).toBe('404 MAIL_OFF')
      const refresh = async () => outcomeOf(await refreshTokens(signet, tokens))
      expect([await refresh(), await refresh()]).toEqual(['200', '401 AUTH_TOKEN_INVALID'])
      await signet.close()
      await deployment.close()
    },
  )

  it('limits requests for mails by address', async () => {
    const deployment = await openEmbeddedDeployment([])
    const signet = await deployment.start({ environment: { RATE_LIMIT_MAIL: '2/60' } })
    const from = (ip: string) => ({ 'X-Forwarded-For': ip })
    const ask = async (ip: string) => outcomeOf(await forgot(signet, 'anybody@limit.example', from(ip)))
    expect([await ask('198.51.100.1'), await ask('198.51.100.1')]).toEqual(['202', '202'])
    expect(await ask('198.51.100.1')).toBe('429 RATE_LIMITED')
    expect(await ask('198.51.100.2')).toBe('202')
    await signet.close()
    await deployment.close()
  })

  it('is refused at the start when SMTP_URL has no MAIL_FROM', () => {
    expect(readConfig({ SMTP_URL: 'smtp://localhost' })).toEqual({
      faults: [expect.stringContaining('MAIL_FROM is required with SMTP_URL')],
    })
  })
})
