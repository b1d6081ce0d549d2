import type { AddressRange } from '../domain/base/ip-address.ts'
import { judgeOutboundUrl } from '../domain/outbound/outbound-target.ts'
import { CLAIMS_HOOK_SETTINGS } from './claims-hook.ts'
import { judgePasswordHook, PASSWORD_HOOK_SETTINGS } from './password-hook.ts'
import { url } from './schemas.ts'
import type { Setting } from './setting.ts'

/** The settings of all requests to servers of the operator. */
export const HOOK_SETTINGS = {
  ...PASSWORD_HOOK_SETTINGS,
  SESSION_VERIFIER_URL: {
    schema: url('https:', 'http:'),
    standard: 'unset: no session is exchanged',
    help: 'URL that is asked whose session it is that a client with `session_exchange` exchanges for tokens. https, or an address of `OUTBOUND_ALLOW`. See docs/moving-from-sessions.md.',
  },
  ...CLAIMS_HOOK_SETTINGS,
  EVENTS_WEBHOOK_URL: {
    schema: url('https:', 'http:'),
    standard: 'unset: events are sent nowhere',
    help: 'URL that is sent every event from its first setting on, at least once each, and in order for a person. https, or an address of `OUTBOUND_ALLOW`. See docs/events.md.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

const URLS = [
  'PASSWORD_HOOK_URL',
  'SESSION_VERIFIER_URL',
  'CLAIMS_HOOK_URL',
  'EVENTS_WEBHOOK_URL',
] as const satisfies readonly (keyof typeof HOOK_SETTINGS)[]

type Judged = Parameters<typeof judgePasswordHook>[0] &
  Readonly<Partial<Record<(typeof URLS)[number], string | null>>> &
  Readonly<{ OUTBOUND_ALLOW?: readonly AddressRange[] }>

/** Ours – What the settings say against each other: a line for each fault. */
export const judgeHooks = (settings: Judged): readonly string[] => [
  ...judgeUrls(settings),
  ...judgePasswordHook(settings),
]

/** A URL is judged at the start as at each request. */
const judgeUrls = ({ OUTBOUND_ALLOW: allow, ...settings }: Judged): readonly string[] =>
  URLS.filter(name => {
    const given = settings[name]
    return given && allow !== undefined && 'refusal' in judgeOutboundUrl(given, allow)
  }).map(name => `${name} must be an https URL of a public address, or one that OUTBOUND_ALLOW names`)
