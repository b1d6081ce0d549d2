import { z } from 'zod'
import { judgeEmail, normalizeEmail } from '../domain/account/account.ts'
import { isLoopback } from '../domain/base/ip-address.ts'
import { derivedRateLimit, integer, rateLimit, refuse, url } from './schemas.ts'
import type { Setting } from './setting.ts'

/** RFC 5322 §3.4 – "name-addr" or "addr-spec", in one line, of plain words. */
const MAILBOX = /^(?:[^\p{C}<>",;:@\\]{1,64} <(?<named>[^<>\s]+)>|(?<bare>[^<>\s]+))$/u

/** The settings of mail. */
export const MAIL_SETTINGS = {
  SMTP_URL: {
    schema: url('smtp:', 'smtps:').transform((value, context) =>
      value === null || isRelay(value)
        ? value
        : refuse(
            context,
            'must be a URL such as smtps://user:password@host:465, user and password percent-encoded, with no option but starttls=off',
          ),
    ),
    standard: 'embedded: mails are printed; else none are sent',
    help: '`smtps://user:password@host` (TLS, port 465) or `smtp://…` (STARTTLS, port 587, refused without it but on loopback or with `?starttls=off`).',
    isSecret: true,
  },
  MAIL_FROM: {
    schema: z
      .string()
      .optional()
      .transform((value, context) => {
        if (value === undefined) return null
        const { named, bare } = MAILBOX.exec(value)?.groups ?? {}
        if (judgeEmail(normalizeEmail(named ?? bare ?? '')) === null) return value
        return refuse(context, 'must be an address such as Signet <no-reply@id.example.com>')
      }),
    standard: 'unset',
    help: 'Sender of every mail. Required with `SMTP_URL`.',
  },
  MAIL_LINK_URL: {
    schema: z
      .string()
      .optional()
      .transform((value, context) => {
        if (value === undefined || isLinkPage(value)) return value ?? null
        return refuse(context, 'must be an https URL without a fragment; http on loopback alone')
      }),
    standard: 'Signet’s own pages',
    help: 'A page of yours to which mailed links lead, with `#purpose=…&token=…` appended. See docs/accounts.md.',
  },
  INVITATION_SECONDS: {
    ...integer({ standard: 604_800, least: 60, most: 2_592_000 }),
    help: 'Seconds within which an invitation of `signetd accounts invite` has to be followed; read by that command.',
  },
  RATE_LIMIT_MAIL: {
    ...derivedRateLimit({ of: 'RATE_LIMIT_LOGIN', times: 1, example: '5/60' }),
    help: 'Requests that ask for a mail: count/seconds for one IP.',
  },
  RATE_LIMIT_RECIPIENT: {
    ...rateLimit('5/900'),
    help: 'Mails of one kind to one address. Beyond the limit a request is answered as before, and no mail is sent. With a window of less than 1800 seconds, a person whose address is flooded still gets a link that works.',
  },
} as const satisfies Record<string, Setting<unknown>>

/** Refuses every part that would be ignored: an unencoded `#` or `/` of a password would end the host, and a misspelt option would be taken for none. */
const isRelay = (value: string): boolean => {
  const { hostname, port, username, password, pathname, search, hash } = new URL(value)
  return (
    /^[^%\s]+$/.test(hostname) &&
    port !== '0' &&
    ['', '/'].includes(pathname) &&
    ['', '?starttls=off'].includes(search) &&
    hash === '' &&
    !(username === '' && password !== '') &&
    isWord(username) &&
    isWord(password)
  )
}

/** Whether the text decodes, to characters that end no SMTP command. */
const isWord = (encoded: string): boolean => {
  try {
    return !/\p{Cc}/u.test(decodeURIComponent(encoded))
  } catch {
    return false
  }
}

const isLinkPage = (value: string): boolean => {
  if (!URL.canParse(value) || value.includes('#')) return false
  const { protocol, hostname } = new URL(value)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}
