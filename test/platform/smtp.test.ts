import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { MAIL_OUTCOMES, type Mail, type MailOutcome } from '../../src/domain/account/mail.ts'
import { createPepper } from '../../src/domain/base/pepper.ts'
import { createSendLinks } from '../../src/flows/mail/send-links.ts'
import { openMailQueue } from '../../src/platform/mail-queue.ts'
import { openSmtp } from '../../src/platform/smtp.ts'
import type { Errand } from '../../src/ports/mail.ts'
import { FROM } from '../support/accounts/mail.ts'
import { createLog } from '../support/effects.ts'
import { type Mailbox, openMailbox } from '../support/services/mailbox.ts'
import { freePort } from '../support/services/services.ts'

const LETTER = { subject: 'Grüße', text: 'Ein Link: signet_el_secret\n' }
const MAIL: Mail = {
  name: 'password-changed',
  language: 'en',
  to: 'ada@b.example',
  account_id: 'an account',
  values: { at: 'now' },
}

const URGENT = { isUrgent: true, email: null }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})
const mailboxAt = async (...options: Parameters<typeof openMailbox>): Promise<Mailbox> => {
  const mailbox = await openMailbox(...options)
  closers.push(mailbox.close)
  return mailbox
}
const smtpTo = (url: string) => {
  const smtp = openSmtp({ url, from: FROM })
  closers.push(smtp.close)
  return smtp
}
const queueTo = (
  deliver: (mail: Mail) => Promise<void>,
  retry_milliseconds: readonly number[] = [20, 20, 20],
) => {
  const { log, lines } = createLog()
  const counts = { sent: 0, failed: 0, dropped: 0 }
  const metrics = { mailed: (name: MailOutcome) => void (counts[MAIL_OUTCOMES[name][0]] += 1) }
  const queue = openMailQueue({ deliver, metrics, log, retry_milliseconds })
  closers.push(queue.close)
  return { queue, lines, counts }
}

describe('SMTP', () => {
  it('delivers a text in UTF-8 unchanged to one address', async () => {
    const names: unknown[] = []
    const mailbox = await mailboxAt({
      onMailFrom: (_address, session, callback) => {
        names.push(session.hostNameAppearsAs)
        callback()
      },
    })
    await smtpTo(mailbox.url).send(LETTER, 'ada@b.example')
    expect(mailbox.mails[0]).toMatchObject({ ...LETTER, to: [{ name: '', address: 'ada@b.example' }] })
    expect(mailbox.mails[0]?.html).toBeUndefined()
    expect(names).toEqual(['id.example'])
    expect(mailbox.mails[0]?.messageId).toMatch(/@id\.example>$/)
    const header = 'Hello\r\nBcc: victim@b.example'
    await smtpTo(mailbox.url).send({ subject: header, text: '' }, 'ada@b.example')
    expect(mailbox.mails[1]?.bcc).toBeUndefined()
  })

  it.each([
    'a@b.example\r\nRCPT TO:<victim@b.example>',
    'a@b.example, victim@b.example',
    'A <victim@b.example>',
    'a b@c.example',
  ])('sends nothing to a malformed address: %j', async address => {
    const mailbox = await mailboxAt()
    const sending = smtpTo(mailbox.url).send(LETTER, address)
    await expect(sending).rejects.toMatchObject({ responseCode: 553 })
    expect(mailbox.mails).toEqual([])
  })

  it('authenticates with the user and password of the URL', async () => {
    const seen: unknown[] = []
    const mailbox = await mailboxAt({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, callback) => {
        seen.push([username, password])
        callback(null, { user: username ?? '' })
      },
    })
    await smtpTo(mailbox.url.replace('//', '//user%40relay:p%3A%2F@')).send(LETTER, 'ada@b.example')
    expect(seen).toEqual([['user@relay', 'p:/']])
  })

  it('refuses a certificate that no trusted authority signed', async () => {
    const { port } = await mailboxAt({ secure: true })
    await expect(smtpTo(`smtps://127.0.0.1:${port}`).verify()).rejects.toThrow(/certificate/)
  })

  it('RFC 8314 – sends without TLS only on loopback or with starttls=off', async () => {
    const { port, mails } = await mailboxAt()
    // Not an address of loopback by its name.
    const clear = `smtp://0.0.0.0:${port}`
    await expect(smtpTo(clear).send(LETTER, 'ada@b.example')).rejects.toThrow()
    expect(mails).toEqual([])
    await smtpTo(`${clear}?starttls=off`).send(LETTER, 'ada@b.example')
    expect(mails).toHaveLength(1)
  })
})

describe('the queue of mails', () => {
  it('tries again until the server is reachable', async () => {
    const port = await freePort()
    const smtp = smtpTo(`smtp://127.0.0.1:${port}`)
    let refusals = 0
    const { queue, counts, lines } = queueTo(
      mail =>
        smtp.send(LETTER, mail.to).catch((error: unknown) => {
          refusals += 1
          throw error
        }),
      Array.from({ length: 500 }, () => 20),
    )
    queue.post(async () => MAIL, URGENT)
    await expect.poll(() => refusals).toBeGreaterThan(2)
    const mailbox = await mailboxAt({}, port)
    await mailbox.mailTo('ada@b.example', /Grüße/)
    await expect.poll(() => counts).toEqual({ sent: 1, failed: 0, dropped: 0 })
    expect(lines.map(({ level }) => level)).toEqual(['warn'])
  })

  it('gives up after the last try, and logs the account without the address or the text', async () => {
    const smtp = smtpTo(`smtp://127.0.0.1:${await freePort()}`)
    const { queue, counts, lines } = queueTo(mail => smtp.send(LETTER, mail.to))
    queue.post(async () => MAIL, URGENT)
    await expect.poll(() => counts.failed).toBe(1)
    expect(lines.at(-1)).toMatchObject({
      level: 'error',
      sub: 'an account',
      mail: 'password-changed',
      attempts: 4,
    })
    expect(JSON.stringify(lines)).not.toMatch(/ada@|signet_el_/)
  })

  it('does not try again after a permanent refusal', async () => {
    const mailbox = await mailboxAt({
      onRcptTo: ({ address }, _session, callback) =>
        callback(Object.assign(new Error(`no such user ${address}`), { responseCode: 550 })),
    })
    const smtp = smtpTo(mailbox.url)
    const { queue, counts, lines } = queueTo(mail => smtp.send(LETTER, mail.to))
    queue.post(async () => MAIL, URGENT)
    await expect.poll(() => counts.failed).toBe(1)
    expect(lines).toEqual([expect.objectContaining({ level: 'error', attempts: 1, smtp_status: 550 })])
    expect(JSON.stringify(lines)).not.toContain('ada@')
  })

  it('repeats an errand that fails, and never one that has returned a mail', async () => {
    let errands = 0
    let deliveries = 0
    const { queue, counts } = queueTo(async () => {
      deliveries += 1
      if (deliveries < 3) throw new Error('away')
    })
    queue.post(async () => {
      errands += 1
      if (errands < 2) throw new Error('away')
      return MAIL
    }, URGENT)
    await expect.poll(() => counts.sent).toBe(1)
    expect([errands, deliveries]).toEqual([2, 3])
  })

  it('drops mails above 1,000 waiting ones', async () => {
    let go = () => {}
    const gate = new Promise<void>(resolve => {
      go = resolve
    })
    const { queue, counts } = queueTo(() => gate)
    for (let count = 0; count < 1_003; count++) queue.post(async () => MAIL, URGENT)
    expect(counts.dropped).toBe(3)
    go()
    await expect.poll(() => counts.sent).toBe(1_000)
  })

  it('sends the mails that were not tried yet when it closes, and drops those that wait for another try', async () => {
    const { queue, counts } = queueTo(async () => {}, [])
    queue.post(async () => MAIL, URGENT)
    await queue.close()
    expect(counts).toEqual({ sent: 1, failed: 0, dropped: 0 })
    queue.post(async () => MAIL, URGENT)
    expect(counts.dropped).toBe(1)
    const late = queueTo(() => Promise.reject(new Error('away')), [60_000])
    late.queue.post(async () => MAIL, URGENT)
    await expect.poll(() => late.lines.length).toBe(1)
    await late.queue.close()
    expect(late.counts).toEqual({ sent: 0, failed: 0, dropped: 1 })
  })

  it('closes within seconds when the server is silent', async () => {
    const server: Server = createServer(() => {})
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => server.close())
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const smtp = smtpTo(`smtp://127.0.0.1:${port}`)
    const { queue } = queueTo(mail => smtp.send(LETTER, mail.to))
    queue.post(async () => MAIL, URGENT)
    const started = performance.now()
    await queue.close()
    expect(performance.now() - started).toBeLessThan(6_000)
  })
})

describe('a request for a mail', () => {
  it('is answered before any look-up of the account', async () => {
    const errands: Errand[] = []
    const asked: string[] = []
    const never = (what: string) => async () => {
      asked.push(what)
      return null
    }
    const links = createSendLinks({
      mailer: { post: errand => void errands.push(errand) },
      recipients: { consume: never('limit'), isExhausted: () => null },
      requireStepUp: async () => {},
      links: {
        issueReset: never('store'),
        issueVerification: never('store'),
        issueChange: never('store'),
        find: never('store'),
        isConfirmed: async () => false,
        redeemVerification: never('store'),
        redeemReset: never('store'),
        redeemChange: never('store'),
      },
      random: { bytes: length => new Uint8Array(length), uuid: () => '', tokenId: () => '' },
      peppers: [createPepper(Buffer.alloc(32, 7))],
      linkTo: (_, token) => token,
    })
    links.passwordReset({ email: 'anybody@b.example', language: 'en', about: { request_id: 'request' } })
    expect(errands).toHaveLength(1)
    expect(asked).toEqual([])
    expect(await errands[0]?.()).toBeNull()
    expect(asked).toEqual(['limit', 'store'])
  })
})
