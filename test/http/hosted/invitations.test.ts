import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accounts } from '../../cli/accounts/support.ts'
import { outcomeOf, signUp, trySignUp } from '../../support/accounts/account-api.ts'
import { FROM, me } from '../../support/accounts/mail.ts'
import { newEmail, PASSWORD, times } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type Deployment, type Instance, ISSUER, openServedDeployment } from '../../support/deployment.ts'
import { createPerson, fieldOf, headingOf } from '../../support/pages/person.ts'
import { linkIn, type Mailbox, openMailbox } from '../../support/services/mailbox.ts'

const SUBJECT = /You are invited to Signet/

/** The command works on the database while the servers run: there is no such thing on the embedded one. */
describe.runIf(hasPostgres)('invitations', () => {
  let deployment: Deployment
  let one: Instance
  let other: Instance
  let open: Instance
  let mailbox: Mailbox
  beforeAll(async () => {
    deployment = await openServedDeployment([])
    mailbox = await openMailbox()
    const environment = { SIGN_UP: 'invited', ...mail() }
    one = await deployment.start({ environment })
    other = await deployment.start({ environment })
    open = await deployment.start({ environment: mail() })
  })
  afterAll(async () => {
    await deployment.close()
    await mailbox.close()
  })

  const mail = () => ({ SMTP_URL: mailbox.url, MAIL_FROM: FROM })
  const invite = (email: string, ...words: string[]) =>
    accounts({ ...deployment.environment, ...mail(), ISSUER, SIGN_UP: 'invited' }, [
      'invite',
      email,
      ...words,
    ])
  /** The link of the newest of `count` invitations to an address. */
  const invited = async (email: string, count = 1) => {
    expect(await invite(email)).toMatchObject({ code: 0 })
    const { url, token } = linkIn(await mailbox.mailTo(email, SUBJECT, count))
    return { path: url.slice(ISSUER.length), token }
  }
  const peopleWith = async (email: string) =>
    (await deployment.database.sql`select email_verified_at from users where email = ${email}`).length

  it('open an account on the page, with the address filled in and verified by the link', async () => {
    const email = newEmail()
    const { path } = await invited(email)
    const ada = createPerson(one)
    const page = await ada.open(path)
    expect([page.status, headingOf(page), fieldOf(page, 'email')]).toEqual([200, 'Create an account', email])
    expect(page.text).toMatch(/<input id="email"[^>]* readonly/)
    const short = await ada.submit(page, { email, password: 'short' })
    expect([short.status, fieldOf(short, 'email')]).toEqual([422, email])
    const german = await ada.open(`/sign-up?request=${fieldOf(page, 'request')}&ui_locales=de`)
    expect([headingOf(german), fieldOf(german, 'email')]).toEqual(['Konto anlegen', email])
    const done = await ada.follow(await ada.submit(short, { email, password: PASSWORD }))
    expect(done.text).toMatch(/<span class="badge good">verified<\/span>/)
    const again = await createPerson(other).open(path)
    expect([again.status, headingOf(again)]).toEqual([403, 'This invitation no longer works'])
    expect(mailbox.mails.filter(({ to }) => to?.[0]?.address === email)).toHaveLength(1)
  })

  it('open an account by the account API', async () => {
    const email = newEmail()
    const { token: invitation } = await invited(email)
    const opened = await signUp(one, email.toUpperCase(), { invitation })
    expect(await me(one, opened)).toMatchObject({ email, email_verified: true })
    expect(outcomeOf(await trySignUp(other, email, { invitation }))).toBe('403 INVITATION_INVALID')
  })

  it('are what a sign-up needs, and no answer tells who has one or an account', async () => {
    const [email, known] = [newEmail(), newEmail()]
    const { token } = await invited(email)
    await signUp(open, known)
    for (const address of [email, known, newEmail(), 'no address'])
      expect(outcomeOf(await trySignUp(one, address))).toBe('403 INVITATION_NEEDED')
    for (const invitation of ['', 'x', `signet_el_${'A'.repeat(43)}`])
      for (const address of [email, known, newEmail()])
        expect(outcomeOf(await trySignUp(one, address, { invitation }))).toBe('403 INVITATION_INVALID')
    const form = await createPerson(one).open('/sign-up')
    expect([headingOf(form), form.text.includes('Accounts are opened by invitation')]).toEqual([
      'Sign in',
      true,
    ])
    expect(form.text).not.toContain('Create an account')
    expect((await trySignUp(one, email, { invitation: token })).status).toBe(201)
  })

  it('are for their address alone, and a refused registration spends none', async () => {
    const [email, another] = [newEmail(), newEmail()]
    const { path, token: invitation } = await invited(email)
    const refused = await trySignUp(one, another, { invitation })
    expect(refused.body.errors).toEqual([
      { pointer: '#/email', detail: 'must be the address that was invited' },
    ])
    const ada = createPerson(one)
    const changed = await ada.submit(await ada.open(path), { email: another, password: PASSWORD })
    expect([changed.status, changed.text.includes('The invitation is for another address')]).toEqual([
      422,
      true,
    ])
    expect((await trySignUp(one, email, { invitation, password: 'short' })).status).toBe(422)
    expect([await peopleWith(another), await peopleWith(email)]).toEqual([0, 0])
    expect((await trySignUp(other, email, { invitation })).status).toBe(201)
  })

  it('make one account of many requests at once on two instances', async () => {
    for (const round of times(2)) {
      const email = `race${round}@invited.example`
      const { token: invitation } = await invited(email)
      const answers = await Promise.all(
        times(6).map(index => trySignUp(index % 2 === 0 ? one : other, email, { invitation })),
      )
      const outcomes = answers.map(outcomeOf)
      expect(outcomes.filter(outcome => outcome === '201')).toHaveLength(1)
      expect(new Set(outcomes)).toEqual(new Set(['201', '403 INVITATION_INVALID']))
      expect(await peopleWith(email)).toBe(1)
    }
  })

  it('and an open sign-up of the address at the same moment make one account', async () => {
    const email = newEmail()
    const { token: invitation } = await invited(email)
    const answers = await Promise.all([trySignUp(one, email, { invitation }), trySignUp(open, email)])
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]))
    expect(await peopleWith(email)).toBe(1)
  })

  it('live until their time is over: the moment before, and the moment after', async () => {
    const [early, late] = [newEmail(), newEmail()]
    const { token } = await invited(early)
    const { path, token: expired } = await invited(late)
    const { sql } = deployment.database
    await sql`update invitations set expires_at = now() + interval '1 minute' where email = ${early}`
    await sql`update invitations set expires_at = now() where email = ${late}`
    expect((await trySignUp(one, early, { invitation: token })).status).toBe(201)
    expect(outcomeOf(await trySignUp(one, late, { invitation: expired }))).toBe('403 INVITATION_INVALID')
    expect((await createPerson(one).open(path)).status).toBe(403)
  })

  it('are replaced by a newer one of their address, and withdrawn', async () => {
    const [email, bystander] = [newEmail(), newEmail()]
    const kept = await invited(bystander)
    const former = await invited(email)
    const newer = await invited(email, 2)
    expect(outcomeOf(await trySignUp(one, email, { invitation: former.token }))).toBe(
      '403 INVITATION_INVALID',
    )
    expect((await invite(email, '--withdraw')).out).toEqual([`invitation of ${email} withdrawn`])
    expect(await invite(email, '--withdraw')).toMatchObject({ code: 1, err: [`${email} has no invitation`] })
    expect(outcomeOf(await trySignUp(one, email, { invitation: newer.token }))).toBe('403 INVITATION_INVALID')
    expect((await trySignUp(one, bystander, { invitation: kept.token })).status).toBe(201)
  })

  it('verify the address while sign-up is open, and are refused while it is closed', async () => {
    const [email, second] = [newEmail(), newEmail()]
    const closed = await deployment.start({ environment: { SIGN_UP: 'closed' } })
    const { path, token: invitation } = await invited(email)
    expect(outcomeOf(await trySignUp(closed, email, { invitation }))).toBe('403 SIGN_UP_CLOSED')
    expect(headingOf(await createPerson(closed).open(path))).toBe('Sign in')
    const opened = await signUp(open, email, { invitation })
    expect(await me(open, opened)).toMatchObject({ email_verified: true })
    const ada = createPerson(one)
    const page = await ada.open((await invited(second)).path)
    const late = createPerson(closed)
    for (const [name, value] of ada.jar) late.jar.set(name, value)
    const refused = await late.follow(await late.submit(page, { email: second, password: PASSWORD }))
    expect([headingOf(refused), await peopleWith(second)]).toEqual(['Sign in', 0])
  })

  it('replace the session of another person in the browser', async () => {
    const [email, known] = [newEmail(), newEmail()]
    await signUp(open, known)
    const { path } = await invited(email)
    const ada = createPerson(one)
    await ada.signIn(await ada.open('/sign-in'), known)
    const page = await ada.open(path)
    expect(fieldOf(page, 'email')).toBe(email)
    const account = await ada.follow(await ada.submit(page, { email, password: PASSWORD }))
    expect([account.text.includes(email), account.text.includes(known)]).toEqual([true, false])
  })

  it('tell the operator alone that an address has an account, or cannot be invited', async () => {
    const email = newEmail()
    await signUp(open, email)
    const said = await invite(` ${email.toUpperCase()} `)
    expect(said).toMatchObject({ code: 1, out: [] })
    expect(said.err).toEqual([expect.stringContaining(`there is an account ${email} already: `)])
    expect(await invite('no address')).toMatchObject({
      code: 1,
      err: ['the argument must be an e-mail address'],
    })
    expect(
      mailbox.mails.filter(({ subject = '', to }) => SUBJECT.test(subject) && to?.[0]?.address === email),
    ).toEqual([])
  })

  it('are mailed in the language that the operator names, with a link to the page of the applications', async () => {
    const email = newEmail()
    const environment = {
      ...deployment.environment,
      ...mail(),
      ISSUER,
      MAIL_LINK_URL: 'https://app.example/join',
    }
    const said = await accounts(environment, ['invite', email, '--language', 'de', '--json'])
    expect(JSON.parse(said.out.join(''))).toEqual({ email, expires_at: expect.any(String) })
    const { url } = linkIn(await mailbox.mailTo(email, /eingeladen/))
    expect(url).toMatch(/^https:\/\/app\.example\/join#purpose=invitation&token=signet_el_[\w-]{43}$/)
  })

  it.each([
    [{ SIGN_UP: 'closed' }, 1, /SIGN_UP is closed, and takes no invitation: /],
    [{ SMTP_URL: '' }, 2, /SMTP_URL is unset: set SMTP_URL and MAIL_FROM/],
    [{ ISSUER: '' }, 2, /ISSUER is unset: /],
    [{ SMTP_URL: 'smtp://127.0.0.1:1' }, 2, /was not mailed, because nothing listens there/],
    [{ INVITATION_SECONDS: '1' }, 2, /INVITATION_SECONDS must be/],
  ])('are not made with %j', async (wrong, code, words) => {
    const environment = { ...deployment.environment, ...mail(), ISSUER, ...wrong }
    const said = await accounts(environment, ['invite', newEmail()])
    expect([said.code, said.err.join('\n')]).toEqual([code, expect.stringMatching(words)])
  })
})
