import { createTransport } from 'nodemailer'
import { isLoopback } from '../domain/base/ip-address.ts'
import type { Letter } from './mail-templates.ts'

type Smtp = Readonly<{
  /** Rejects with nodemailer's error: `code`, and `responseCode` where the server said something. */
  send(letter: Letter, to: string): Promise<void>
  /** Rejects when the server cannot be reached, trusted or signed in to. */
  verify(): Promise<void>
  close(): void
}>

type Relay = Readonly<{
  url: string
  from: string
  /** For a whole mail, by default 30 seconds: a server that answers one byte a second is never silent. */
  delivery_milliseconds?: number
}>

const MILLISECONDS = { dns: 3_000, connect: 5_000, greeting: 5_000, silence: 10_000 }
const DELIVERY_MILLISECONDS = 30_000

/** RFC 5321 §4.1.2 – What ends a command, or makes two addresses of one. Accounts have none such; what was imported might. */
const NO_ADDRESS = /[\p{C}\s<>,;:"]/u

/**
 * RFC 5321, RFC 8314 – A pool of connections to the server of SMTP_URL. Links open accounts, so that nothing goes out in the clear:
 * smtps:// is TLS from the first byte, smtp:// goes on only when STARTTLS did, but on loopback or where `?starttls=off` says so.
 */
export const openSmtp = ({ url, from, delivery_milliseconds = DELIVERY_MILLISECONDS }: Relay): Smtp => {
  const { protocol, hostname, port, username, password, searchParams } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const isClear = searchParams.get('starttls') === 'off' || isLoopback(host)
  const transport = createTransport(
    {
      pool: true,
      maxConnections: 4,
      maxMessages: 100,
      maxRequeues: 1,
      host,
      // RFC 5321 §4.1.1.1 – Otherwise every mail would tell the name of this machine.
      name: from.replace(/^.*@|>$/g, ''),
      port: port === '' ? (protocol === 'smtps:' ? 465 : 587) : Number(port),
      secure: protocol === 'smtps:',
      ignoreTLS: protocol === 'smtp:' && isClear,
      requireTLS: protocol === 'smtp:' && !isClear,
      tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
      ...(username === ''
        ? {}
        : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
      dnsTimeout: MILLISECONDS.dns,
      connectionTimeout: MILLISECONDS.connect,
      greetingTimeout: MILLISECONDS.greeting,
      socketTimeout: MILLISECONDS.silence,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    // RFC 3834 §5 – Nobody's out-of-office answers a machine.
    { from, xMailer: false, headers: { 'Auto-Submitted': 'auto-generated' } },
  )
  return {
    // As an object: in a string a comma would make two addresses of one.
    send: async ({ subject, text }, to) => {
      if (NO_ADDRESS.test(to))
        throw Object.assign(new Error('no address'), { code: 'EENVELOPE', responseCode: 553 })
      const signal = AbortSignal.timeout(delivery_milliseconds)
      await transport.sendMail({ to: { name: '', address: to }, subject, text, signal })
    },
    verify: async () => {
      await transport.verify()
    },
    // A delivery that a server holds up is over too.
    close: () => transport.close({ force: true }),
  }
}
