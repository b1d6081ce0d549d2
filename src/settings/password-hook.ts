import { z } from 'zod'
import { PASSWORD_HOOK_SCOPES } from '../domain/account/password-hook.ts'
import { oneOf, quote, refuse, url } from './schemas.ts'
import type { Setting } from './setting.ts'

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?$/

/** The settings of the question that a former provider is asked at the first sign-in. */
export const PASSWORD_HOOK_SETTINGS = {
  PASSWORD_HOOK_URL: {
    schema: url('https:', 'http:'),
    standard: 'unset: no question',
    help: 'URL that is asked whether a password is right, at the first sign-in of an imported account without a password. https, or an address of `OUTBOUND_ALLOW`. See docs/hooks.md.',
  },
  PASSWORD_HOOK_UNTIL: {
    schema: z
      .string()
      .optional()
      .transform((value, context) => {
        if (value === undefined) return null
        const until = new Date(value)
        return INSTANT.test(value) &&
          !Number.isNaN(until.getTime()) &&
          until.toISOString().startsWith(value.slice(0, 10))
          ? until
          : refuse(
              context,
              `must be a date such as 2027-03-31, or a time such as 2027-03-31T22:00:00Z, not ${quote(value)}`,
            )
      }),
    standard: 'required with `PASSWORD_HOOK_URL`',
    help: 'The date (0:00 UTC) or the time from which `PASSWORD_HOOK_URL` is not asked any more.',
  },
  PASSWORD_HOOK_FOR: {
    ...oneOf('imported', PASSWORD_HOOK_SCOPES),
    help: '`imported`: it is asked for accounts with an `external_id` and without a password. `everyone`: for unknown e-mails too, whose accounts are made when it says yes.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

type Judged = Readonly<{
  PASSWORD_HOOK_URL?: string | null
  PASSWORD_HOOK_UNTIL?: Date | null
}>

/** Ours – A question without an end is refused. */
export const judgePasswordHook = ({
  PASSWORD_HOOK_URL: url,
  PASSWORD_HOOK_UNTIL: until,
}: Judged): readonly string[] =>
  url && until === null
    ? [
        'PASSWORD_HOOK_UNTIL is required with PASSWORD_HOOK_URL: set it to the date from which the former provider is not asked any more, such as 2027-03-31',
      ]
    : []
