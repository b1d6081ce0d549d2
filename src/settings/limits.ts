import { derivedRateLimit, rateLimit } from './schemas.ts'
import type { Setting } from './setting.ts'

/** The settings of limits: how often something may be asked for in a time. */
export const LIMIT_SETTINGS = {
  RATE_LIMIT_LOGIN: {
    schema: rateLimit('5/60'),
    standard: '`5/60`',
    help: 'Sign-ins: count/seconds for one IP (IPv6: its /64); `off` disables.',
  },
  RATE_LIMIT_ACCOUNTS: {
    schema: rateLimit('100/60'),
    standard: '`100/60`',
    help: 'Requests to the account API, likewise.',
  },
  RATE_LIMIT_REGISTER: {
    schema: derivedRateLimit('20/60'),
    standard: 'half of `RATE_LIMIT_ACCOUNTS`',
    help: 'Registrations, likewise; beside the limit of the account API.',
  },
  RATE_LIMIT_REFRESH: {
    schema: derivedRateLimit('300/60'),
    standard: 'three times `RATE_LIMIT_ACCOUNTS`',
    help: 'Refreshes of one sign-in, at `/token` and the account API together, whatever addresses they come from.',
  },
  RATE_LIMIT_REVOKE: {
    schema: rateLimit('60/60'),
    standard: '`60/60`',
    help: 'Access tokens that one client may revoke of one person, or of itself, whatever addresses it asks from. Refresh tokens do not count.',
  },
  RATE_LIMIT_PASSWORD: {
    schema: derivedRateLimit('5/60'),
    standard: '`RATE_LIMIT_LOGIN`',
    help: 'Changes of how an account signs in (password, e-mail, factors, recovery codes, deletion) that one sign-in may try; likewise exports for one person, and six times as many endings of other sign-ins.',
  },
  RATE_LIMIT_SECOND_FACTOR: {
    schema: rateLimit('10/900'),
    standard: '`10/900`',
    help: 'TOTP codes that one account may try before each further one waits for the longest delay; those of each known device are counted apart. None is refused: after 20 wrong ones in a row TOTP is closed (docs/accounts.md).',
  },
  RATE_LIMIT_TOKEN_FAILURES: {
    schema: rateLimit('20/60'),
    standard: '`20/60`',
    help: 'Failed client authentications, likewise.',
  },
} satisfies Readonly<Record<string, Setting<unknown>>>
