import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf, refreshTokens, signIn, signUp, trySignUp } from '../../support/accounts/account-api.ts'
import { NEW_PASSWORD, type Post, SUBJECTS, startWithMail } from '../../support/accounts/mail.ts'
import { PASSWORD } from '../../support/ask.ts'
import { type Deployment, deployments } from '../../support/deployment.ts'
import { linkIn } from '../../support/services/mailbox.ts'

const GERMAN = { 'Accept-Language': 'de-CH, de;q=0.9, en;q=0.8' }
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1'

describe.each(deployments)('notices to an account’s owner ($name)', ({ open }) => {
  let deployment: Deployment
  let post: Post
  beforeAll(async () => {
    deployment = await open([])
    post = await startWithMail(deployment)
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })
  const to = (email: string) =>
    post.mailbox.mails.filter(mail => mail.to?.[0]?.address === email).map(mail => mail.subject ?? '')

  it('report a sign-in from a new device, and neither a registration nor a known device', async () => {
    const email = 'ada@device.example'
    const { headers } = await trySignUp(post.signet, email)
    const known = { 'Signet-Device': headers.get('signet-device') ?? '' }
    await signIn(post.signet, email, {}, known)
    await signIn(
      post.signet,
      email,
      {},
      { 'User-Agent': `${PHONE}\u00a0<b>`, 'X-Forwarded-For': '198.51.100.7' },
    )
    const { text } = await post.mailbox.mailTo(email, SUBJECTS.newDevice)
    expect(text).toContain('Safari on an iPhone')
    expect(text).toContain('198.51.100.7')
    expect(text).not.toMatch(/https?:|<b>|signet_/)
    await post.mailbox.mailTo(email, SUBJECTS.verify)
    expect(to(email)).toHaveLength(2)
  })

  it('report the reuse of a refresh token, once', async () => {
    const email = 'bob@reuse.example'
    const tokens = await signUp(post.signet, email)
    const refresh = async () => outcomeOf(await refreshTokens(post.signet, tokens))
    expect(await refresh()).toBe('200')
    const again = await Promise.all([refresh(), refresh(), refresh()])
    expect(new Set(again)).toEqual(new Set(['401 AUTH_TOKEN_INVALID']))
    const { text } = await post.mailbox.mailTo(email, SUBJECTS.reused)
    expect(text).not.toMatch(/https?:|signet_/)
    await signIn(post.signet, email)
    await post.mailbox.mailTo(email, SUBJECTS.newDevice)
    expect(to(email).filter(subject => SUBJECTS.reused.test(subject))).toHaveLength(1)
  })

  it('report a password change, and no failed one', async () => {
    const email = 'cyd@change.example'
    const { access_token } = await signUp(post.signet, email)
    const change = async (current_password: string) => {
      const body = { current_password, new_password: NEW_PASSWORD }
      return outcomeOf(await post.signet.ask('/auth/password', { body, token: access_token }))
    }
    expect(await change('wrong')).toBe('401 AUTH_CREDENTIALS_INVALID')
    expect(await change(PASSWORD)).toBe('204')
    await post.mailbox.mailTo(email, SUBJECTS.passwordChanged)
    expect(to(email).filter(subject => SUBJECTS.passwordChanged.test(subject))).toHaveLength(1)
  })

  it('are limited for each recipient', async () => {
    const email = 'stranger@flood.example'
    const { access_token } = await signUp(post.signet, email)
    const passwords = [PASSWORD, ...Array.from({ length: 7 }, (_, index) => `${NEW_PASSWORD} ${index}`)]
    for (const [index, current_password] of passwords.slice(0, -1).entries()) {
      const change = { current_password, new_password: passwords[index + 1] }
      expect(outcomeOf(await post.signet.ask('/auth/password', { body: change, token: access_token }))).toBe(
        '204',
      )
      const tokens = await signIn(post.signet, email, { password: change.new_password })
      for (const expected of ['200', '401 AUTH_TOKEN_INVALID'])
        expect(outcomeOf(await refreshTokens(post.signet, tokens))).toBe(expected)
    }
    await post.mailbox.mailTo(email, SUBJECTS.passwordChanged, 5)
    await post.mailbox.mailTo(email, SUBJECTS.reused, 5)
    // Mails are sent in order: once the last one has arrived, every earlier one has.
    const last = 'last@flood.example'
    await signUp(post.signet, last)
    await post.mailbox.mailTo(last, SUBJECTS.verify)
    for (const subject of [SUBJECTS.passwordChanged, SUBJECTS.reused, SUBJECTS.newDevice])
      expect(to(email).filter(each => subject.test(each))).toHaveLength(5)
  })

  it('are in the language of the request, and after that in the language of the last sign-in', async () => {
    const email = 'dora@sprache.example'
    const tokens = await signUp(post.signet, email, {}, GERMAN)
    const mail = await post.mailbox.mailTo(email, /Bestätigen Sie Ihre E-Mail-Adresse/)
    expect(mail.text).toContain('bestätigen Sie die Adresse')
    expect(mail.from).toEqual({ name: 'Signet', address: 'no-reply@id.example' })
    expect(mail.headers.find(header => header.key === 'auto-submitted')?.value).toBe('auto-generated')
    expect(linkIn(mail).url).toMatch(/^http:\/\/localhost:8080\/confirm-email\?token=/)
    // A refresh does not say which language the owner reads.
    await refreshTokens(post.signet, tokens)
    await refreshTokens(post.signet, tokens)
    await post.mailbox.mailTo(email, /zu Ihrer Sicherheit beendet/)
    await signIn(post.signet, email, {}, { ...GERMAN, 'User-Agent': PHONE })
    const device = await post.mailbox.mailTo(email, /neuen Gerät/)
    expect(device.text).toContain('Safari auf einem iPhone')
    await signIn(post.signet, email, {}, { 'Accept-Language': 'fr' })
    await post.mailbox.mailTo(email, SUBJECTS.newDevice)
  })
})
