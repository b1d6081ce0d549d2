import { TOTP_FAILURES_AT_MOST } from '../domain/factors/totp.ts'
import { derivedRateLimit, IN_WORDS, rateLimit } from './schemas.ts'
import type { Setting } from './setting.ts'

/** Endings of other sign-ins that one sign-in may try, as a multiple of RATE_LIMIT_PASSWORD. */
export const ENDINGS_FACTOR = 6

/** The settings of rate limits. */
export const LIMIT_SETTINGS = {
  RATE_LIMIT_LOGIN: {
    ...rateLimit('5/60'),
    help: 'Sign-ins that one IP address (IPv6: one /64) may try, as count/seconds; `off` disables the limit. Raise it for an office behind one address.',
  },
  RATE_LIMIT_ACCOUNTS: {
    ...rateLimit('100/60'),
    help: 'Requests of one IP address to the account API.',
  },
  RATE_LIMIT_REGISTER: {
    ...derivedRateLimit({ of: 'RATE_LIMIT_ACCOUNTS', times: 0.5, example: '20/60' }),
    help: 'Registrations of one IP address, which count against the limit of the account API, too.',
  },
  // Retries count too, and so do the refreshes of several processes that share a sign-in.
  RATE_LIMIT_REFRESH: {
    ...derivedRateLimit({ of: 'RATE_LIMIT_ACCOUNTS', times: 3, example: '300/60' }),
    help: 'Refreshes of one sign-in, at `/token` and the account API together, from all addresses.',
  },
  RATE_LIMIT_REVOKE: {
    ...rateLimit('60/60'),
    help: 'Access tokens that one client may revoke of one person, or of itself, from all addresses. Refresh tokens do not count.',
  },
  RATE_LIMIT_PUSHED_REQUESTS: {
    ...rateLimit('60/60'),
    help: 'Authorization requests that public clients may push to `/par`: count/seconds for one IP (IPv6: its /64); `off` disables. Any program can push in the name of a public client, or register one of its own: those that no operator has registered count too. Other confidential clients do not.',
  },
  RATE_LIMIT_CLIENT_DOCUMENTS: {
    ...rateLimit('30/60'),
    help: 'Client ID metadata documents that the requests of one IP address (IPv6: its /64) may cause to be fetched. Documents that are known already do not count.',
  },
  RATE_LIMIT_CLIENT_REGISTRATIONS: {
    ...rateLimit('300/60'),
    help: 'Registrations at `/register` of one IP address (IPv6: its /64), and readings of them. High, because all users of one assistant come from one address, and a registration costs no row.',
  },
  RATE_LIMIT_REGISTRATION_CHANGES: {
    ...rateLimit('30/60'),
    help: 'Changes and deletions at `/register/{client_id}` of one IP address, and registrations that need a row of the database: those with a secret, and long ones.',
  },
  RATE_LIMIT_DEVICE_REQUESTS: {
    ...rateLimit('60/60'),
    help: 'Device codes that one public client may ask for from one IP address (IPv6: one /64): count/seconds; `off` disables. A stranger can ask in the name of a public client. Confidential clients do not count.',
  },
  RATE_LIMIT_USER_CODES: {
    ...rateLimit('20/600'),
    help: 'Codes that may be typed on the page `/device`, from one IP address and, counted apart, in one browser session.',
  },
  RATE_LIMIT_PASSWORD: {
    ...derivedRateLimit({ of: 'RATE_LIMIT_LOGIN', times: 1, example: '5/60' }),
    help: `Changes of how an account signs in (password, e-mail, factors, recovery codes, deletion) that one sign-in may try. The same limit holds for exports of one account, and ${IN_WORDS[ENDINGS_FACTOR]}as much for endings of other sign-ins.`,
  },
  RATE_LIMIT_SECOND_FACTOR: {
    ...rateLimit('10/900'),
    help: `TOTP codes that one account may try before each further code waits for the longest delay. Codes of each known device are counted apart. This limit refuses no code; ${TOTP_FAILURES_AT_MOST} wrong codes in a row close TOTP (docs/accounts.md).`,
  },
  RATE_LIMIT_TOKEN_FAILURES: {
    ...rateLimit('20/60'),
    help: 'Failed authentications of one client at one IP address; those of unknown clients are counted together for an address.',
  },
} satisfies Readonly<Record<string, Setting<unknown>>>
