import { TOTP_FAILURES_AT_MOST } from '../domain/factors/totp.ts'
import { derivedRateLimit, IN_WORDS, rateLimit } from './schemas.ts'
import type { Setting } from './setting.ts'

/** How many times RATE_LIMIT_PASSWORD a sign-in may end other sign-ins. */
export const ENDINGS_FACTOR = 6

/** The settings of limits: how often something may be asked for in a time. */
export const LIMIT_SETTINGS = {
  RATE_LIMIT_LOGIN: {
    ...rateLimit('5/60'),
    help: 'Sign-ins: count/seconds for one IP (IPv6: its /64); `off` disables.',
  },
  RATE_LIMIT_ACCOUNTS: {
    ...rateLimit('100/60'),
    help: 'Requests to the account API, likewise.',
  },
  RATE_LIMIT_REGISTER: {
    ...derivedRateLimit({ of: 'RATE_LIMIT_ACCOUNTS', times: 0.5, example: '20/60' }),
    help: 'Registrations, likewise; beside the limit of the account API.',
  },
  // The retries of one refresh count too, and so do those of several processes that share a sign-in.
  RATE_LIMIT_REFRESH: {
    ...derivedRateLimit({ of: 'RATE_LIMIT_ACCOUNTS', times: 3, example: '300/60' }),
    help: 'Refreshes of one sign-in, at `/token` and the account API together, whatever addresses they come from.',
  },
  RATE_LIMIT_REVOKE: {
    ...rateLimit('60/60'),
    help: 'Access tokens that one client may revoke of one person, or of itself, whatever addresses it asks from. Refresh tokens do not count.',
  },
  RATE_LIMIT_PUSHED_REQUESTS: {
    ...rateLimit('60/60'),
    help: 'Authorization requests that public clients may push to `/par`: count/seconds for one IP (IPv6: its /64); `off` disables. Anybody can push in the name of a public client. Confidential clients do not count.',
  },
  RATE_LIMIT_PASSWORD: {
    ...derivedRateLimit({ of: 'RATE_LIMIT_LOGIN', times: 1, example: '5/60' }),
    help: `Changes of how an account signs in (password, e-mail, factors, recovery codes, deletion) that one sign-in may try; likewise exports for one person, and ${IN_WORDS[ENDINGS_FACTOR]}as many endings of other sign-ins.`,
  },
  RATE_LIMIT_SECOND_FACTOR: {
    ...rateLimit('10/900'),
    help: `TOTP codes that one account may try before each further one waits for the longest delay; those of each known device are counted apart. None is refused: after ${TOTP_FAILURES_AT_MOST} wrong ones in a row TOTP is closed (docs/accounts.md).`,
  },
  RATE_LIMIT_TOKEN_FAILURES: {
    ...rateLimit('20/60'),
    help: 'Failed client authentications, likewise.',
  },
} satisfies Readonly<Record<string, Setting<unknown>>>
