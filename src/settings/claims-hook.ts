import { CLAIMS_HOOK_FAILURES } from '../domain/sign-in/claims-hook.ts'
import { integer, oneOf, url } from './schemas.ts'
import type { Setting } from './setting.ts'

/** The settings of the question for extra claims of a sign-in. */
export const CLAIMS_HOOK_SETTINGS = {
  CLAIMS_HOOK_URL: {
    schema: url('https:', 'http:'),
    standard: 'unset: no extra claims',
    help: 'URL that is asked for extra claims when a person signs in at a client; the tokens of the sign-in carry them. https, or an address of `OUTBOUND_ALLOW`. See docs/hooks.md.',
  },
  CLAIMS_HOOK_ON_FAILURE: {
    ...oneOf('refuse', CLAIMS_HOOK_FAILURES),
    help: 'While `CLAIMS_HOOK_URL` gives no answer, `refuse`: the sign-in is answered 503, and the person may try again. `without`: the sign-in goes on, and has no extra claims until its end.',
  },
  CLAIMS_HOOK_CACHE_SECONDS: {
    ...integer({ standard: 60, least: 0, most: 3_600 }),
    help: 'Seconds for which an answer of `CLAIMS_HOOK_URL` is used again, for the same person with the same roles and factors, client, scope and resources. `0`: each sign-in is asked for.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>
