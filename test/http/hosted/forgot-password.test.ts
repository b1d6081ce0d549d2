import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { NEW_PASSWORD, type Post, SUBJECTS, startWithMail } from '../../support/accounts/mail.ts'
import { type Deployment, ISSUER, openEmbeddedDeployment } from '../../support/deployment.ts'
import { createBrowser, linkNamed, titleOf } from '../../support/pages/plain-browser.ts'
import { linkIn } from '../../support/services/mailbox.ts'

const NOTES = {
  client_id: 'notes',
  client_name: 'Notes',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://notes.example/callback'],
  scope: 'openid email',
  audience: ['https://notes.example'],
}
const AUTHORIZE = `/authorize?${new URLSearchParams({
  response_type: 'code',
  client_id: 'notes',
  redirect_uri: 'https://notes.example/callback',
  scope: 'openid',
  state: 'of this tab',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
}).toString()}`

describe('the page for a forgotten password', () => {
  let deployment: Deployment
  let post: Post
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment([NOTES])
    post = await startWithMail(deployment, { environment: { RATE_LIMIT_MAIL: '1000/60' } })
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })

  it('leads from the sign-in to the mail, the new password and back to the application that asked', async () => {
    await signUp(post.signet, 'ada@forgot.example')
    const browser = createBrowser(post.signet)
    const signIn = await browser.follow(await browser.visit(AUTHORIZE))
    const form = await browser.visit(linkNamed(signIn, 'Forgot it\\?'))
    expect([form.status, titleOf(form)]).toEqual([200, 'Forgot your password?'])
    const sent = await browser.submit(form, { email: 'ada@forgot.example' })
    expect([sent.status, sent.headers.get('cache-control')]).toEqual([303, 'no-store'])
    const told = await browser.follow(sent)
    expect([told.status, titleOf(told)]).toEqual([200, 'Check your mail'])
    const { url } = linkIn(await post.mailbox.mailTo('ada@forgot.example', SUBJECTS.reset))
    const reset = await browser.visit(url.replace(ISSUER, ''))
    const done = await browser.submit(reset, { new_password: NEW_PASSWORD })
    expect([done.status, linkNamed(done, 'Go to sign-in')]).toEqual([200, '/sign-in?ui_locales=en'])
    const back = await browser.visit(linkNamed(told, 'Back to sign-in'))
    expect(back.text).toContain('to continue to <strong>Notes</strong>')
    const signedIn = await browser.submit(back, { email: 'ada@forgot.example', password: NEW_PASSWORD })
    expect(signedIn.headers.get('location')).toMatch(/^\/consent\?/)
    const consent = await browser.follow(signedIn)
    const allowed = await browser.submit(consent, { decision: 'allow' })
    expect(allowed.headers.get('location')).toMatch(
      /^https:\/\/notes\.example\/callback\?.*state=of(\+|%20)this/,
    )
  })

  it('answers with the same bytes whether an account has the address or not, and mails nothing to a stranger', async () => {
    await signUp(post.signet, 'eve@forgot.example')
    const ask = async (email: string) => {
      const browser = createBrowser(post.signet)
      const sent = await browser.submit(await browser.visit('/forgot-password'), { email })
      const told = await browser.follow(sent)
      return [sent.status, told.status, told.text.replaceAll(/request=[^"&]*|"request" value="[^"]*/g, '')]
    }
    expect(await ask('nobody@forgot.example')).toEqual(await ask('eve@forgot.example'))
    await post.mailbox.mailTo('eve@forgot.example', SUBJECTS.reset)
    const addresses = post.mailbox.mails.flatMap(({ to }) => to?.map(({ address }) => address))
    expect(addresses).not.toContain('nobody@forgot.example')
  })

  it('mails once, however often the page that follows is loaded again', async () => {
    await signUp(post.signet, 'again@forgot.example')
    const browser = createBrowser(post.signet)
    const sent = await browser.submit(await browser.visit('/forgot-password'), {
      email: 'again@forgot.example',
    })
    for (const _ of [1, 2, 3]) expect((await browser.follow(sent)).status).toBe(200)
    await post.mailbox.mailTo('again@forgot.example', SUBJECTS.reset)
    const mails = post.mailbox.mails.filter(({ to }) => to?.[0]?.address === 'again@forgot.example')
    expect(mails.filter(({ subject = '' }) => SUBJECTS.reset.test(subject))).toHaveLength(1)
  })

  it('keeps an address that is none in its field, and says what is wrong beside it', async () => {
    const browser = createBrowser(post.signet)
    const refused = await browser.submit(await browser.visit('/forgot-password'), { email: 'ada at example' })
    expect(refused.status).toBe(422)
    expect(refused.text).toContain('value="ada at example"')
    expect(refused.text).toContain('aria-invalid="true" aria-describedby="email-fault"')
    expect(refused.text).toContain('role="alert"')
  })

  it('refuses a form of another origin, and one of another browser', async () => {
    const browser = createBrowser(post.signet)
    const page = await browser.visit('/forgot-password')
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    expect((await browser.submit(page, { email: 'ada@forgot.example' }, foreign)).status).toBe(403)
    const other = createBrowser(post.signet)
    await other.visit('/forgot-password')
    expect((await other.submit(page, { email: 'ada@forgot.example' })).status).toBe(400)
  })

  it('goes on in the language that a person chose', async () => {
    const browser = createBrowser(post.signet)
    const page = await browser.visit('/forgot-password?ui_locales=de')
    const told = await browser.follow(await browser.submit(page, { email: 'ada@forgot.example' }))
    expect(titleOf(told)).toBe('Sehen Sie in Ihr Postfach')
  })

  it.each([
    ['a character that cannot be used', 'email=a%00b', 400],
    ['no UTF-8', 'email=%FF', 400],
    ['half an escape', 'email=%', 400],
    ['a field twice', 'email=a&email=b', 400],
    ['more than a form has', `email=${'a'.repeat(70_000)}`, 413],
  ])('says of a form with %s that it could not be read', async (_, body, status) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const path of ['/forgot-password', '/sign-in', '/sign-up', '/consent', '/reset-password']) {
      const refused = await createBrowser(post.signet).visit(path, { method: 'POST', body, headers })
      expect([path, refused.status, titleOf(refused)]).toEqual([path, status, 'This form could not be read'])
    }
  })

  it('is counted with the mails of the account API, and says when to come back', async () => {
    const limited = await startWithMail(deployment, { environment: { RATE_LIMIT_MAIL: '2/300' } })
    const browser = createBrowser(limited.signet)
    const page = await browser.visit('/forgot-password')
    for (const _ of [1, 2]) expect((await browser.submit(page, { email: 'a@b.example' })).status).toBe(303)
    const refused = await browser.submit(page, { email: 'a@b.example' })
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true])
    expect(refused.text).toMatch(/You can try again in \d+ (?:minutes|seconds)\./)
    expect(refused.text).toContain('value="a@b.example"')
    await limited.close()
  })
})

describe('a server that sends no mail', () => {
  it('offers no link for a forgotten password, and says why at its address', async () => {
    const deployment = await openEmbeddedDeployment([])
    const signet = await deployment.start({
      environment: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' },
    })
    const browser = createBrowser(signet)
    expect((await browser.visit('/sign-in')).text).not.toContain('/forgot-password')
    for (const path of ['/forgot-password', '/forgot-password/sent']) {
      const page = await browser.visit(path)
      expect([page.status, page.text]).toEqual([404, expect.stringContaining('This server sends no mail.')])
    }
    await deployment.close()
  })
})
