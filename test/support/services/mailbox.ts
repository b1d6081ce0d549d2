import { buffer } from 'node:stream/consumers'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { expect } from 'vitest'
import { freePort } from './services.ts'

export type Mailbox = Readonly<{
  /** The value of SMTP_URL. */
  url: string
  port: number
  mails: readonly Email[]
  /** Waits for `count` mails to an address whose subject matches, and returns the newest. */
  mailTo: (address: string, subject: RegExp, count?: number) => Promise<Email>
  close: () => Promise<void>
}>

/** A real SMTP server on loopback that keeps its mails. */
export const openMailbox = async (
  options: SMTPServerOptions = {},
  port: number | null = null,
): Promise<Mailbox> => {
  const mails: Email[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData: (stream, _session, callback) => {
      const keep = async () => {
        mails.push(await PostalMime.parse(await buffer(stream)))
        callback()
      }
      void keep()
    },
    // Pooled connections stay open: the server does not wait for them.
    closeTimeout: 50,
    ...options,
  })
  server.on('error', () => {})
  const own = port ?? (await freePort())
  await new Promise<void>(resolve => server.listen(own, '127.0.0.1', resolve))
  const mailTo = async (address: string, subject: RegExp, count = 1) => {
    const matching = () =>
      mails.filter(mail => mail.to?.[0]?.address === address && subject.test(mail.subject ?? ''))
    await expect.poll(() => matching().length, { timeout: 8_000 }).toBeGreaterThanOrEqual(count)
    const mail = matching().at(-1)
    if (mail === undefined) throw new Error('no mail')
    return mail
  }
  const close = () => new Promise<void>(resolve => server.close(() => resolve()))
  return { url: `smtp://127.0.0.1:${own}`, port: own, mails, mailTo, close }
}

/** The link of a mail, and the token in it. */
export const linkIn = ({ text = '' }: Pick<Email, 'text'>): Readonly<{ url: string; token: string }> => {
  const [url] = /https?:\/\/\S+/.exec(text) ?? []
  const [token] = /signet_el_[\w-]{43}/.exec(url ?? '') ?? []
  if (url === undefined || token === undefined) throw new Error(`no link in: ${text}`)
  return { url, token }
}
