import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/config.ts'
import { judgePassword } from '../../../src/domain/account/password.ts'
import { TEXTS } from '../../../src/http/pages/texts.ts'
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
    const again = await submit('/confirm-email', { token })
    expect([again.status, await again.text()]).toEqual([400, expect.stringContaining('not any more')])
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
    expect(text).not.toContain('value="short"')
    expect((await submit('/reset-password', { token, new_password: NEW_PASSWORD })).status).toBe(200)
    await signIn(post.signet, 'bob@page.example', { password: NEW_PASSWORD })
  })

  it('load and run nothing, cannot be framed or cached, and send no Referer to other pages', async () => {
    const { headers } = await fetch(`${ISSUER}/reset-password?token=x`)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self';/)
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/script|unsafe|http/)
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it.each(['"><script>alert(1)</script>', "'onfocus='x", '&lt;', '</style><b>'])(
    'escape a token: %s',
    async token => {
      for (const path of ['confirm-email', 'reset-password']) {
        const page = await (await fetch(`${ISSUER}/${path}?token=${encodeURIComponent(token)}`)).text()
        const [, value = ''] = /name="token" value="([^"]*)"/.exec(page) ?? []
        expect(value).not.toMatch(/[<>'"]/)
        expect(value.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))).toBe(
          token,
        )
        expect(page).not.toContain('<script')
      }
    },
  )

  it('are in German for a browser that prefers German', async () => {
    const german = { headers: { 'Accept-Language': 'de' } }
    const page = await (await fetch(`${ISSUER}/reset-password?token=x`, german)).text()
    expect(page).toContain('<html lang="de">')
    expect(page).toContain('Wählen Sie ein neues Passwort')
    const gone = await submit('/confirm-email', { token: 'x' }, german.headers)
    expect(await gone.text()).toContain('gilt nicht')
    await signUp(post.signet, 'dora@page.example')
    const token = await resetToken(post, 'dora@page.example')
    const refused = await submit('/reset-password', { token, new_password: 'kurz' }, german.headers)
    expect(await refused.text()).toContain('Bitte wählen Sie ein anderes Passwort: mindestens 8 Zeichen.')
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

describe('the words of the pages', () => {
  it.each([
    ['short', false],
    ['x'.repeat(80), false],
    ['lantern\0lantern', false],
    ['password', true],
    ['ada@b.example', false],
  ])('explain in German why a password is refused: %j', (password, isCommon) => {
    const fault = judgePassword({ password, email: 'ada@b.example', min_characters: 8, isCommon }) ?? ''
    expect(TEXTS.en.sayFault(fault)).toBe(`it ${fault}`)
    expect(TEXTS.de.sayFault(fault)).not.toMatch(/must|^$/)
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
      faults: ['MAIL_FROM is required with SMTP_URL'],
    })
  })
})
