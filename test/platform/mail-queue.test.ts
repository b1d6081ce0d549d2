import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { MAIL_OUTCOMES, type Mail, type MailOutcome } from '../../src/domain/account/mail.ts'
import { mailGroupOf } from '../../src/domain/account/mail-priority.ts'
import { openMailQueue } from '../../src/platform/mail-queue.ts'
import { openSmtp } from '../../src/platform/smtp.ts'
import { FROM } from '../support/accounts/mail.ts'
import { createLog } from '../support/effects.ts'
import { openMailbox } from '../support/services/mailbox.ts'
import { freePort } from '../support/services/services.ts'

const LETTER = { subject: 'A link', text: 'https://id.example/reset-password?token=x\n' }
const NEVER = [3_600_000]

const mailTo = (to: string): Mail => ({
  name: 'password-changed',
  language: 'en',
  to,
  account_id: to,
  values: { at: 'now' },
})

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

/** Timers of one length fire in the order in which they were set: then every errand before has begun. */
const begun = () => new Promise(resolve => setTimeout(resolve, 1))

type Deliver = (mail: Mail) => Promise<void>

const queueTo = (deliver: Deliver, retry_milliseconds: readonly number[] = NEVER) => {
  const { log, lines } = createLog()
  const counts = Object.fromEntries(Object.keys(MAIL_OUTCOMES).map(name => [name, 0])) as Record<
    MailOutcome,
    number
  >
  const metrics = { mailed: (name: MailOutcome) => void (counts[name] += 1) }
  const queue = openMailQueue({ deliver, metrics, log, retry_milliseconds, spread_milliseconds: 0 })
  closers.push(queue.close)
  const post = (email: string, isUrgent: boolean) =>
    queue.post(async () => mailTo(email), { isUrgent, email })
  return {
    queue,
    counts,
    lines,
    verification: (email: string) => post(email, false),
    reset: (email: string) => post(email, true),
    dropped: () => lines.filter(line => line.message === 'a mail was dropped').map(line => line['sub']),
  }
}

/** A relay that takes every mail but those to a domain of evil.example, which get what the test says. */
const relayWith = async (answerEvil: (callback: (error?: Error) => void) => void) => {
  const mailbox = await openMailbox({
    maxClients: 50,
    onRcptTo: ({ address }, _session, callback) => {
      if (address.endsWith('evil.example')) answerEvil(callback)
      else callback()
    },
  })
  const smtp = openSmtp({ url: mailbox.url, from: FROM })
  closers.push(mailbox.close, smtp.close)
  const addresses = () => mailbox.mails.map(mail => mail.to?.[0]?.address ?? '')
  return { deliver: (mail: Mail) => smtp.send(LETTER, mail.to), addresses }
}

const deferring = (callback: (error?: Error) => void) =>
  callback(Object.assign(new Error('try again later'), { responseCode: 451 }))

/** Deliveries that wait until the test lets them go. */
const createGate = () => {
  const delivered: string[] = []
  const waiting: (() => void)[] = []
  let isOpen = false
  return {
    delivered,
    held: () => waiting.length,
    deliver: async ({ to }: Mail) => {
      if (!isOpen) await new Promise<void>(resolve => waiting.push(resolve))
      delivered.push(to)
    },
    open: () => {
      isOpen = true
      for (const go of waiting.splice(0)) go()
    },
  }
}

describe('the queue of mails, with a relay that defers a domain', () => {
  it('delivers every mail to other domains, and drops only mails to the deferred domain', async () => {
    const { deliver, addresses } = await relayWith(deferring)
    const { verification, reset, counts, queue, dropped } = queueTo(deliver)
    for (let index = 0; index < 1_500; index++) verification(`a${index}@s${index}.evil.example`)
    for (let index = 0; index < 60; index++) verification(`v${index}@b.example`)
    for (let index = 0; index < 60; index++) reset(`r${index}@b.example`)
    await expect.poll(() => addresses().length, { timeout: 15_000 }).toBe(120)
    // The relay has a mail before the queue has the relay's answer.
    await expect.poll(() => counts.sent, { timeout: 10_000 }).toBe(120)
    await expect.poll(() => queue.waiting(), { timeout: 15_000 }).toEqual({ all: 300, late: 300 })
    expect(dropped().filter(sub => typeof sub === 'string' && !sub.endsWith('evil.example'))).toEqual([])
    await expect.poll(() => counts.queue_full + counts.too_many_late, { timeout: 10_000 }).toBe(1_200)
    verification('later@b.example')
    reset('later@c.example')
    await expect.poll(() => addresses().length, { timeout: 10_000 }).toBe(122)
  }, 40_000)

  it('keeps the late mails of other domains when one domain exceeds its share', async () => {
    let isDeferring = true
    const { deliver, addresses } = await relayWith(deferring)
    const late = queueTo(
      async mail => {
        if (isDeferring && mail.to.endsWith('@slow.example'))
          throw Object.assign(new Error('4'), { responseCode: 451 })
        await deliver(mail)
      },
      Array.from({ length: 100 }, () => 500),
    )
    for (let index = 0; index < 5; index++) late.verification(`p${index}@slow.example`)
    await expect.poll(() => late.queue.waiting().late).toBe(5)
    for (let index = 0; index < 600; index++) late.verification(`a${index}@evil.example`)
    await expect.poll(() => late.counts.too_many_late, { timeout: 10_000 }).toBeGreaterThan(0)
    isDeferring = false
    await expect
      .poll(() => addresses().filter(address => address.endsWith('@slow.example')).length, {
        timeout: 15_000,
      })
      .toBe(5)
  }, 40_000)
})

describe('the queue of mails, with a receiver that misbehaves', () => {
  it.each([
    ['says nothing', () => {}],
    [
      'refuses for good',
      (callback: (error?: Error) => void) => callback(Object.assign(new Error('no'), { responseCode: 550 })),
    ],
  ])('delivers to other domains while the receiver %s', async (_, answer) => {
    const { deliver, addresses } = await relayWith(answer)
    const { verification, reset } = queueTo(deliver)
    for (let index = 0; index < 50; index++) verification(`a${index}@evil.example`)
    for (let index = 0; index < 50; index++) reset(`a${index}@evil.example`)
    for (let index = 0; index < 20; index++) verification(`v${index}@b.example`)
    for (let index = 0; index < 20; index++) reset(`r${index}@b.example`)
    // Well within the ten seconds of one silence.
    await expect.poll(() => addresses().length, { timeout: 6_000 }).toBe(40)
  })

  it('delivers once a server stops resetting connections', async () => {
    let cuts = 6
    const mailbox = await openMailbox()
    const port = await freePort()
    const server = createServer(socket => {
      cuts -= 1
      if (cuts >= 0) socket.resetAndDestroy()
      else relay(socket, mailbox.port)
    })
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    const smtp = openSmtp({ url: `smtp://127.0.0.1:${port}`, from: FROM })
    closers.push(mailbox.close, () => server.close(), smtp.close)
    const { reset, counts } = queueTo(
      mail => smtp.send(LETTER, mail.to),
      Array.from({ length: 50 }, () => 20),
    )
    for (let index = 0; index < 3; index++) reset(`r${index}@b.example`)
    await expect.poll(() => counts.sent, { timeout: 10_000 }).toBe(3)
  })

  it('limits the time of a delivery and of closing with a server that answers one byte at a time', async () => {
    const sockets = new Set<Socket>()
    const server = createServer(socket => {
      sockets.add(socket)
      socket.on('error', () => {}).write('220 slow\r\n')
      const drip = setInterval(() => socket.write('2'), 100)
      socket.on('close', () => clearInterval(drip))
    })
    const port = await freePort()
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    const smtp = openSmtp({ url: `smtp://127.0.0.1:${port}`, from: FROM, delivery_milliseconds: 700 })
    closers.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }, smtp.close)
    await expect(smtp.send(LETTER, 'a@b.example')).rejects.toThrow(/abort|timeout/i)
    const { reset, queue, counts } = queueTo(mail => smtp.send(LETTER, mail.to), [20])
    reset('a@b.example')
    await expect.poll(() => counts.given_up, { timeout: 5_000 }).toBe(1)
    reset('b@b.example')
    const started = performance.now()
    await queue.close()
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

describe('the order of mails', () => {
  it('delivers urgent mails first', async () => {
    const gate = createGate()
    const { verification, reset } = queueTo(gate.deliver)
    for (let index = 0; index < 100; index++) verification(`v${index}@d${index}.example`)
    await expect.poll(gate.held).toBe(3)
    reset('r@b.example')
    // The fourth turn is for what is urgent.
    await expect.poll(gate.held).toBe(4)
    for (let index = 0; index < 20; index++) reset(`r${index}@r${index}.example`)
    await begun()
    gate.open()
    await expect.poll(() => gate.delivered.length).toBe(121)
    expect(gate.delivered.slice(4, 24).every(address => address.startsWith('r'))).toBe(true)
  })

  it('lets domains take turns', async () => {
    const gate = createGate()
    const { verification } = queueTo(gate.deliver)
    for (let index = 0; index < 400; index++) verification(`v${index}@flood.example`)
    await expect.poll(gate.held).toBe(2)
    for (let index = 0; index < 5; index++) verification(`v${index}@b.example`)
    await begun()
    gate.open()
    await expect.poll(() => gate.delivered.length).toBe(405)
    const places = gate.delivered.flatMap((address, index) => (address.endsWith('@b.example') ? [index] : []))
    expect(Math.max(...places)).toBeLessThan(20)
  })

  it('drops verifications before password resets, however many domains they are sent to', async () => {
    const gate = createGate()
    const { verification, reset, queue, counts, dropped } = queueTo(gate.deliver)
    for (let index = 0; index < 400; index++) reset(`r${index}@b${index}.example`)
    for (let index = 0; index < 3_000; index++) verification(`v${index}@evil${index}.example`)
    for (let index = 400; index < 800; index++) reset(`r${index}@b.example`)
    expect(queue.waiting().all).toBeLessThanOrEqual(1_000)
    expect(counts.queue_full).toBe(2_800)
    gate.open()
    await expect.poll(() => counts.sent, { timeout: 8_000 }).toBe(1_000)
    expect(gate.delivered.filter(address => address.startsWith('r'))).toHaveLength(800)
    expect(dropped()).toHaveLength(2_800)
  })

  it('keeps the mails of a domain within its share when the queue is full', async () => {
    const gate = createGate()
    const { verification, counts } = queueTo(gate.deliver)
    for (let index = 0; index < 100; index++) verification(`v${index}@b.example`)
    for (let index = 0; index < 5_000; index++) verification(`v${index}@s${index}.evil.example`)
    for (let index = 100; index < 200; index++) verification(`v${index}@b.example`)
    gate.open()
    await expect.poll(() => counts.sent, { timeout: 8_000 }).toBe(600)
    expect(gate.delivered.filter(address => address.endsWith('@b.example'))).toHaveLength(200)
  })

  it('accepts five thousand mails in less than a millisecond each', () => {
    const gate = createGate()
    const { verification } = queueTo(gate.deliver)
    const started = performance.now()
    for (let index = 0; index < 5_000; index++) verification(`v${index}@s${index}.evil.example`)
    expect((performance.now() - started) / 5_000).toBeLessThan(1)
    gate.open()
  })

  it.each([
    ['ada@example.com', 'example.com'],
    ['ada@mail.example.com', 'example.com'],
    ['ada@a.b.c.d.EXAMPLE.com', 'example.com'],
    ['ada@example.co.uk', 'example.co.uk'],
    ['ada@mail.example.co.uk', 'example.co.uk'],
    ['ada@mail.example.de', 'example.de'],
    ['"a@b"@example.org', 'example.org'],
    ['ada@localhost', 'localhost'],
  ])('puts %s into the group %s', (email, group) => {
    expect(mailGroupOf(email)).toBe(group)
  })
})

const relay = (socket: Socket, port: number) => {
  const other = connect(port, '127.0.0.1')
  socket.on('error', () => other.destroy()).pipe(other)
  other.on('error', () => socket.destroy()).pipe(socket)
}
