import { createTransport } from 'nodemailer'
import { isLoopback } from '../domain/base/ip-address.ts'
import type { Letter, MailLogo } from './mail-templates.ts'

type Smtp = Readonly<{
  /** Rejects with nodemailer's error: `code`, and `responseCode` where the server replied. */
  send(letter: Letter, to: string): Promise<void>
  /** Rejects when the server cannot be reached, trusted or signed in to. */
  verify(): Promise<void>
  close(): void
}>

type Relay = Readonly<{
  url: string
  from: string
  /** The time limit of a whole mail; by default 30 seconds. A server that sends one byte a second never reaches the limit of silence. */
  delivery_milliseconds?: number
}>

const MILLISECONDS = { dns: 3_000, connect: 5_000, greeting: 5_000, silence: 10_000 }
const DELIVERY_MILLISECONDS = 30_000

/** RFC 5321 §4.1.2 – Characters that end a command or split an address in two. An imported address may contain them. */
const NO_ADDRESS = /[\p{C}\s<>,;:"]/u

/**
 * RFC 5321, RFC 8314 – A pool of connections to the server of SMTP_URL. A link in a mail opens an account, so the connection must be
 * encrypted: smtps:// uses TLS from the first byte, and smtp:// requires STARTTLS, except on loopback or with `?starttls=off`.
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
      // RFC 5321 §4.1.1.1 – By default the library would send the host name of this machine.
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
    // RFC 3834 §5 – The header keeps automatic replies from answering.
    { from, xMailer: false, headers: { 'Auto-Submitted': 'auto-generated' } },
  )
  return {
    // The address is passed as an object, because a comma in a string would split it in two.
    send: async ({ subject, text, html }, to) => {
      if (NO_ADDRESS.test(to))
        throw Object.assign(new Error('no address'), { code: 'EENVELOPE', responseCode: 553 })
      const signal = AbortSignal.timeout(delivery_milliseconds)
      const rich =
        html === undefined ? {} : { html: html.text, attachments: html.logo ? [inline(html.logo)] : [] }
      await transport.sendMail({ to: { name: '', address: to }, subject, text, ...rich, signal })
    },
    verify: async () => {
      await transport.verify()
    },
    // `force` also ends a delivery that the server holds up.
    close: () => transport.close({ force: true }),
  }
}

/** RFC 2387, RFC 2392 – The image of the HTML, which comes with the mail: no program has to fetch it. */
const inline = ({ bytes, type }: MailLogo) => ({
  content: Buffer.from(bytes),
  contentType: type,
  contentDisposition: 'inline' as const,
  filename: `logo.${type.replace('image/', '')}`,
  cid: 'logo',
})
