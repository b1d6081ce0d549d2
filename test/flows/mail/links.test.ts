import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { linkText } from '../../../src/domain/account/account-name.ts'
import { linkTokenOf } from '../../../src/domain/account/email-link.ts'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { createEmailLinks } from '../../../src/store/mail/email-links.ts'
import {
  outcomeOf,
  refreshTokens,
  signIn,
  signUp,
  type Tokens,
  trySignIn,
} from '../../support/accounts/account-api.ts'
import {
  changeEmail,
  forgot,
  me,
  NEW_PASSWORD,
  type Post,
  reset,
  resetToken,
  SUBJECTS,
  startWithMail,
  verify,
} from '../../support/accounts/mail.ts'
import { PASSWORD, times } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type Database } from '../../support/database.ts'
import { type Deployment, deployments, type Instance, openDeployment } from '../../support/deployment.ts'
import { linkIn } from '../../support/services/mailbox.ts'

const GONE = '400 LINK_INVALID'

describe.each(deployments)('mailed links ($name)', ({ open }) => {
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
  const verifyToken = async (email: string, count = 1) =>
    linkIn(await post.mailbox.mailTo(email, SUBJECTS.verify, count)).token
  const refresh = async (tokens: Tokens) => outcomeOf(await refreshTokens(post.signet, tokens))

  describe('the verification of an e-mail', () => {
    it('is mailed after a registration, works once, and shows in GET /auth/me', async () => {
      const tokens = await signUp(post.signet, 'ada@verify.example', { email_verified: true })
      expect(await me(post.signet, tokens)).toMatchObject({ email_verified: false })
      const token = await verifyToken('ada@verify.example')
      expect(await verify(post.signet, token)).toBe('204')
      expect(await me(post.signet, tokens)).toMatchObject({ email_verified: true })
      expect(await verify(post.signet, token)).toBe(GONE)
    })

    it('is mailed again on request, with the link of the first mail', async () => {
      const tokens = await signUp(post.signet, 'bob@verify.example')
      const first = await verifyToken('bob@verify.example')
      const again = post.signet.ask('/auth/email/verification', {
        method: 'POST',
        token: tokens.access_token,
      })
      expect(outcomeOf(await again)).toBe('202')
      const second = await verifyToken('bob@verify.example', 2)
      expect(second).toBe(first)
      expect(await verify(post.signet, first)).toBe('204')
      expect(await verify(post.signet, second)).toBe(GONE)
    })

    it('needs an access token to be requested', async () => {
      const asked = post.signet.ask('/auth/email/verification', { method: 'POST' })
      expect(outcomeOf(await asked)).toBe('401 AUTH_TOKEN_MISSING')
    })
  })

  describe('the reset of a password', () => {
    it('ends every sign-in, notifies the owner, and verifies the address', async () => {
      const email = 'ada@reset.example'
      const tokens = await signUp(post.signet, email)
      const token = await resetToken(post, email)
      expect(await reset(post.signet, token)).toBe('204')
      expect(await refresh(tokens)).toBe('401 AUTH_TOKEN_INVALID')
      const asked = await post.signet.ask('/auth/me', { token: tokens.access_token })
      expect(outcomeOf(asked)).toBe('401 AUTH_TOKEN_INVALID')
      expect(outcomeOf(await trySignIn(post.signet, email))).toBe('401 AUTH_CREDENTIALS_INVALID')
      const entered = await signIn(post.signet, email, { password: NEW_PASSWORD })
      expect(await me(post.signet, entered)).toMatchObject({ email_verified: true })
      const notice = await post.mailbox.mailTo(email, SUBJECTS.passwordChanged)
      expect(notice.text).not.toMatch(/signet_|https?:/)
      expect(await reset(post.signet, token, 'a third lantern for it')).toBe(GONE)
    })

    it('ends no sign-in of another account', async () => {
      const bystander = await signUp(post.signet, 'bystander@reset.example')
      await signUp(post.signet, 'eve@reset.example')
      expect(await reset(post.signet, await resetToken(post, 'eve@reset.example'))).toBe('204')
      expect(await refresh(bystander)).toBe('200')
    })

    it('does not spend the link on a password that is refused', async () => {
      const email = 'bob@reset.example'
      await signUp(post.signet, email)
      const token = await resetToken(post, email)
      for (const password of ['short', 'password1', email])
        expect(await reset(post.signet, token, password)).toBe('422 FIELDS_INVALID')
      expect(await reset(post.signet, token)).toBe('204')
    })

    it.each(['', 'signet_el_', `signet_el_${'A'.repeat(43)}`, `signet_el_${'A'.repeat(44)}`, "' or 1=1 --"])(
      'refuses a made-up token: %j',
      async token => {
        expect(await reset(post.signet, token)).toBe(GONE)
        expect(await verify(post.signet, token)).toBe(GONE)
      },
    )

    it('refuses a link of another purpose, and does not spend it', async () => {
      const email = 'cyd@reset.example'
      await signUp(post.signet, email)
      const [verification, resetting] = [await verifyToken(email), await resetToken(post, email)]
      expect(await reset(post.signet, verification)).toBe(GONE)
      expect(await verify(post.signet, resetting)).toBe(GONE)
      expect(await verify(post.signet, verification)).toBe('204')
      expect(await reset(post.signet, resetting)).toBe('204')
    })

    it('takes the link of the first mail after a second request, once', async () => {
      const email = 'dan@reset.example'
      await signUp(post.signet, email)
      const first = await resetToken(post, email)
      const second = await resetToken(post, email, 2)
      expect(await reset(post.signet, first)).toBe('204')
      expect(await reset(post.signet, second)).toBe(GONE)
    })

    it('still works after everything that a sign-in can do without the password', async () => {
      const email = 'eva@reset.example'
      const tokens = await signUp(post.signet, email)
      const bystander = await signUp(post.signet, 'eva-s-friend@reset.example')
      const verification = await verifyToken(email)
      const token = await resetToken(post, email)
      for (const _ of times(3))
        expect(
          outcomeOf(
            await post.signet.ask('/auth/sessions', { method: 'DELETE', token: tokens.access_token }),
          ),
        ).toBe('204')
      for (const _ of times(3)) await forgot(post.signet, email)
      await post.signet.ask('/auth/email/verification', { method: 'POST', token: tokens.access_token })
      await post.mailbox.mailTo(email, SUBJECTS.reset, 4)
      expect(
        outcomeOf(
          await post.signet.ask('/auth/logout', { body: { everywhere: true }, token: tokens.access_token }),
        ),
      ).toBe('204')
      expect(await verify(post.signet, verification)).toBe('204')
      expect(await reset(post.signet, token)).toBe('204')
      expect(await me(post.signet, bystander)).toMatchObject({ email: 'eva-s-friend@reset.example' })
    })

    it('is refused once the password has been changed', async () => {
      const email = 'eli@reset.example'
      const tokens = await signUp(post.signet, email)
      const token = await resetToken(post, email)
      const change = { current_password: PASSWORD, new_password: NEW_PASSWORD }
      expect(
        outcomeOf(await post.signet.ask('/auth/password', { body: change, token: tokens.access_token })),
      ).toBe('204')
      expect(await reset(post.signet, token)).toBe(GONE)
      const next = await resetToken(post, email, 2)
      expect(next).not.toBe(token)
      expect(await reset(post.signet, next)).toBe('204')
    })
  })

  describe('the change of an e-mail', () => {
    const change = (tokens: Tokens, new_email: string, current_password = PASSWORD) =>
      changeEmail(post.signet, tokens, { current_password, new_email })

    it('needs the password and the link to the new address, and notifies the old address', async () => {
      const [from, to] = ['ada@old.example', 'ada@new.example']
      const tokens = await signUp(post.signet, from)
      expect(await change(tokens, to, 'wrong')).toBe('401 AUTH_CREDENTIALS_INVALID')
      expect(await change(tokens, ` ${to.toUpperCase()}`)).toBe('202')
      const { token } = linkIn(await post.mailbox.mailTo(to, SUBJECTS.change))
      expect(await me(post.signet, tokens)).toMatchObject({ email: from, email_verified: false })
      expect(await verify(post.signet, token)).toBe('204')
      expect(await me(post.signet, tokens)).toMatchObject({ email: to, email_verified: true })
      expect((await post.mailbox.mailTo(from, SUBJECTS.emailChanged)).text).not.toContain(to)
      expect(await refresh(tokens)).toBe('200')
      await signIn(post.signet, to)
      expect(await verify(post.signet, token)).toBe(GONE)
    })

    it('voids the links that were mailed to the old address', async () => {
      const [from, to] = ['bob@old.example', 'bob@new.example']
      const tokens = await signUp(post.signet, from)
      const verification = await verifyToken(from)
      const token = await resetToken(post, from)
      expect(await change(tokens, to)).toBe('202')
      const proof = linkIn(await post.mailbox.mailTo(to, SUBJECTS.change)).token
      expect(await verify(post.signet, proof)).toBe('204')
      expect(await reset(post.signet, token)).toBe(GONE)
      expect(await verify(post.signet, verification)).toBe(GONE)
    })

    it('is refused once the password has been reset', async () => {
      const tokens = await signUp(post.signet, 'cyd@old.example')
      expect(await change(tokens, 'cyd@new.example')).toBe('202')
      const proof = linkIn(await post.mailbox.mailTo('cyd@new.example', SUBJECTS.change)).token
      expect(await reset(post.signet, await resetToken(post, 'cyd@old.example'))).toBe('204')
      expect(await verify(post.signet, proof)).toBe(GONE)
    })

    it('answers alike for an address that another account has, and mails nothing there', async () => {
      await signUp(post.signet, 'taken@old.example')
      const tokens = await signUp(post.signet, 'dan@old.example')
      expect(await change(tokens, 'taken@old.example')).toBe('202')
      expect(await change(tokens, 'dan@new.example')).toBe('202')
      await post.mailbox.mailTo('dan@new.example', SUBJECTS.change)
      const wrong = post.mailbox.mails.filter(
        mail => mail.to?.[0]?.address === 'taken@old.example' && SUBJECTS.change.test(mail.subject ?? ''),
      )
      expect(wrong).toEqual([])
    })

    it('answers 409 for an address that was registered meanwhile, and changes nothing', async () => {
      const tokens = await signUp(post.signet, 'eli@old.example')
      expect(await change(tokens, 'eli@new.example')).toBe('202')
      const proof = linkIn(await post.mailbox.mailTo('eli@new.example', SUBJECTS.change)).token
      await signUp(post.signet, 'eli@new.example')
      expect(await verify(post.signet, proof)).toBe('409 EMAIL_TAKEN')
      expect(await me(post.signet, tokens)).toMatchObject({ email: 'eli@old.example' })
    })

    it.each(['dan', 'dаn@new.example', 'a@b.example\r\nBcc: c@d.example', 'a@b.example,c@d.example'])(
      'refuses what is no address: %j',
      async new_email => {
        const tokens = await signIn(post.signet, 'dan@old.example')
        expect(await change(tokens, new_email)).toBe('422 FIELDS_INVALID')
      },
    )
  })

  describe('POST /auth/password/forgot', () => {
    it('answers alike whether there is an account or not', async () => {
      await signUp(post.signet, 'known@forgot.example')
      const answers = await Promise.all(
        ['known@forgot.example', 'unknown@forgot.example'].map(async email => {
          const { status, text, headers } = await forgot(post.signet, email)
          return { status, text, names: [...headers.keys()] }
        }),
      )
      expect(answers[0]).toEqual(answers[1])
      expect(answers[0]?.status).toBe(202)
      await post.mailbox.mailTo('known@forgot.example', SUBJECTS.reset)
      expect(post.mailbox.mails.filter(mail => mail.to?.[0]?.address?.startsWith('unknown'))).toEqual([])
    })

    it('mails to the stored address, in whatever spelling it was typed', async () => {
      await signUp(post.signet, 'mike@forgot.example')
      // NFKC folds these to ASCII: a full-width m, the Kelvin sign.
      await forgot(post.signet, '\uff4di\u212ae@forgot.example')
      const mail = await post.mailbox.mailTo('mike@forgot.example', SUBJECTS.reset)
      expect(mail.to).toEqual([{ name: '', address: 'mike@forgot.example' }])
      // A Cyrillic look-alike is another address, which no account has.
      expect(outcomeOf(await forgot(post.signet, 'mіke@forgot.example'))).toBe('422 FIELDS_INVALID')
    })

    it('limits the mails to one address, and answers alike', async () => {
      await signUp(post.signet, 'flood@forgot.example')
      const answers = await Promise.all(times(8).map(() => forgot(post.signet, 'flood@forgot.example')))
      expect(answers.map(({ status }) => status)).toEqual(times(8).map(() => 202))
      await post.mailbox.mailTo('flood@forgot.example', SUBJECTS.reset, 5)
      await signUp(post.signet, 'after@forgot.example')
      await post.mailbox.mailTo('after@forgot.example', SUBJECTS.verify)
      const sent = post.mailbox.mails.filter(
        mail => mail.to?.[0]?.address === 'flood@forgot.example' && SUBJECTS.reset.test(mail.subject ?? ''),
      )
      expect(sent).toHaveLength(5)
    })
  })
})

describe.skipIf(!hasPostgres)('mailed links over two instances', () => {
  let deployment: Deployment
  let post: Post
  let other: Instance
  let database: Database
  beforeAll(async () => {
    deployment = await openDeployment([])
    post = await startWithMail(deployment)
    other = await deployment.start()
    database = deployment.database
  })
  afterAll(async () => {
    await Promise.all([post.close(), other.close()])
    await deployment.close()
  })
  const both = <T>(count: number, ask: (signet: Instance) => Promise<T>) =>
    Promise.all(times(count).map(index => ask(index % 2 === 0 ? post.signet : other)))

  it('reset the password once when many requests bring one link', async () => {
    const email = 'race@reset.example'
    await signUp(post.signet, email)
    const token = await resetToken(post, email)
    const outcomes = await both(16, signet => reset(signet, token))
    expect(outcomes.toSorted()).toEqual(['204', ...times(15).map(() => GONE)])
  })

  it('verify the address once when many requests bring one link', async () => {
    await signUp(post.signet, 'race@verify.example')
    const { token } = linkIn(await post.mailbox.mailTo('race@verify.example', SUBJECTS.verify))
    const outcomes = await both(16, signet => verify(signet, token))
    expect(outcomes.toSorted()).toEqual(['204', ...times(15).map(() => GONE)])
  })

  it('give an address to one of two accounts that prove it at once', async () => {
    const proofs = await Promise.all(
      ['one', 'two'].map(async name => {
        const tokens = await signUp(post.signet, `${name}@race.example`)
        const fields = { current_password: PASSWORD, new_email: 'prize@race.example' }
        expect(await changeEmail(post.signet, tokens, fields)).toBe('202')
      }),
    )
    expect(proofs).toHaveLength(2)
    await post.mailbox.mailTo('prize@race.example', SUBJECTS.change, 2)
    const tokens = post.mailbox.mails
      .filter(mail => mail.to?.[0]?.address === 'prize@race.example')
      .map(mail => linkIn(mail).token)
    const outcomes = await Promise.all(
      tokens.map((token, index) => verify(index === 0 ? post.signet : other, token)),
    )
    expect(outcomes.toSorted()).toEqual(['204', '409 EMAIL_TAKEN'])
  })

  it('leave no sign-in alive whose old password was checked before the reset', async () => {
    for (const round of times(6)) {
      const email = `beside${round}@reset.example`
      await signUp(post.signet, email)
      const token = await resetToken(post, email)
      const [, ...entered] = await Promise.all([
        reset(post.signet, token),
        ...times(4).map(() => trySignIn(other, email)),
      ])
      for (const { status, body } of entered)
        if (status === 200) expect(outcomeOf(await refreshTokens(other, body))).toMatch(/^401/)
    }
  })

  it('are refused after thirty minutes, and work until then', async () => {
    const email = 'late@reset.example'
    await signUp(post.signet, email)
    const age = (seconds: number) => database.sql`
      update email_links set expires_at = statement_timestamp() + make_interval(secs => ${seconds})
      where email = ${email} and purpose = 'reset_password'`
    const token = await resetToken(post, email)
    const [link] = await database.sql<{ seconds: number }[]>`
      select extract(epoch from expires_at - now())::float8 as seconds
      from email_links where email = ${email} and purpose = 'reset_password'`
    expect(link?.seconds).toBeGreaterThan(1_780)
    expect(link?.seconds).toBeLessThanOrEqual(1_800)
    await age(0)
    expect(await reset(post.signet, token)).toBe(GONE)
    await age(10)
    expect(await reset(post.signet, token)).toBe('204')
  })

  it('are replaced after half their life, and still work until its end', async () => {
    const email = 'older@reset.example'
    await signUp(post.signet, email)
    // Citus takes no time of a column and an interval in an update.
    const age = (seconds: number) => database.sql`
      with aged as materialized (
        select
          user_id, purpose, expires_at - make_interval(secs => ${seconds}) as expires_at,
          previous_expires_at - make_interval(secs => ${seconds}) as previous_expires_at
        from email_links
        where email = ${email} and purpose = 'reset_password'
      )
      update email_links l
      set expires_at = aged.expires_at, previous_expires_at = aged.previous_expires_at
      from aged
      where l.user_id = aged.user_id and l.purpose = aged.purpose`
    const first = await resetToken(post, email)
    await age(600)
    expect(await resetToken(post, email, 2)).toBe(first)
    await age(400)
    const second = await resetToken(post, email, 3)
    expect(second).not.toBe(first)
    expect(await resetToken(post, email, 4)).toBe(second)
    await age(799)
    expect(
      outcomeOf(await post.signet.ask('/auth/password/reset', { body: { token: first, new_password: '' } })),
    ).toBe('422 FIELDS_INVALID')
    await age(1)
    expect(await reset(post.signet, first)).toBe(GONE)
    expect(await reset(post.signet, second)).toBe('204')
  })

  it('are bound to the credential epoch where the previous version made them', async () => {
    const asked = async (name: string) => {
      const email = `${name}@before.example`
      await signUp(post.signet, email)
      const token = linkTokenOf(crypto.getRandomValues(new Uint8Array(32)))
      await resetToken(post, email)
      // As the previous version writes the link, over a row that this version may have written.
      await database.sql`
        update email_links l
        set digest = ${digestOf(token)}, credential_epoch = u.credential_epoch, expires_at = now() + interval '30 minutes'
        from users u
        where u.id = l.user_id and l.email = ${email} and l.purpose = 'reset_password'`
      // By which a link is found on Citus.
      await database.sql`
        insert into account_names (kind, value, user_id)
        select 'link', ${linkText(digestOf(token))}, id from users where email = ${email}`
      return { email, token }
    }
    const living = await asked('living')
    expect(await reset(post.signet, living.token)).toBe('204')
    const ended = await asked('ended')
    await database.sql`update users set credential_epoch = credential_epoch + 1 where email = ${ended.email}`
    expect(await reset(post.signet, ended.token)).toBe(GONE)
    expect(await reset(post.signet, await resetToken(post, ended.email, 2))).toBe('204')
  })

  it('still work after the password digest was hashed anew', async () => {
    const email = 'renewed@reset.example'
    await signUp(post.signet, email)
    const cheap = hashSync(PASSWORD, 4)
    await database.sql`update users set password_digest = ${cheap} where email = ${email}`
    const token = await resetToken(post, email)
    await signIn(post.signet, email)
    const [row] = await database.sql`select password_digest from users where email = ${email}`
    expect(row?.['password_digest']).not.toBe(cheap)
    expect(await reset(post.signet, token)).toBe('204')
  })

  it('are judged by expiry, password, address and account in the statement that spends them', async () => {
    const links = createEmailLinks(database, { idle_seconds: 1, max_seconds: 1, access_token_seconds: 1 })
    const spoil = {
      'the password': database.sql`password_digest = 'another'`,
      'the address': database.sql`email = 'moved-' || email`,
      'the account': database.sql`disabled_at = now()`,
    }
    for (const [what, change] of Object.entries(spoil)) {
      const email = `${what.replace(' ', '-')}@spoil.example`
      const tokens = await signUp(post.signet, email)
      const digest = digestOf(linkTokenOf(crypto.getRandomValues(new Uint8Array(32))))
      const link = { digest, seed: new Uint8Array(32), pepper_id: 1 }
      expect(await links.issueReset({ email, link, pepper_ids: [1] })).toMatchObject({ email, minutes: 30 })
      expect(await links.find(digest)).toMatchObject({ purpose: 'reset_password' })
      await database.sql`update users set ${change} where id = ${tokens.user.id}`
      expect(await links.find(digest)).toBeNull()
      const password_digest = '$2b$10$nobody' as Parameters<typeof links.redeemReset>[0]['password_digest']
      expect(await links.redeemReset({ digest, password_digest })).toBeNull()
    }
  })

  it('are stored as digests only', async () => {
    const email = 'digest@reset.example'
    await signUp(post.signet, email)
    const token = await resetToken(post, email)
    const [row] =
      await database.sql`select row_to_json(l)::text as text from email_links l where email = ${email}`
    expect(row?.['text']).not.toContain(token.slice(10))
    const [known] = await database.sql`
      select count(*)::int as links from email_links where digest = ${digestOf(token as never)}`
    expect(known?.['links']).toBe(1)
  })
})
