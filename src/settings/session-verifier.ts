import type { AddressRange } from '../domain/base/ip-address.ts'
import { judgeOutboundUrl } from '../domain/outbound/outbound-target.ts'
import { url } from './schemas.ts'
import type { Setting } from './setting.ts'

/** The setting of the question whose session an application was sent. */
export const SESSION_VERIFIER_SETTINGS = {
  SESSION_VERIFIER_URL: {
    schema: url('https:', 'http:'),
    standard: 'unset: no session is exchanged',
    help: 'URL that is asked whose session it is that a client with `session_exchange` exchanges for tokens. https, or an address of `OUTBOUND_ALLOW`. See docs/moving-from-sessions.md.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

type Judged = Readonly<{
  SESSION_VERIFIER_URL?: string | null
  OUTBOUND_ALLOW?: readonly AddressRange[]
}>

/** Ours – The URL is judged at the start as at each question. */
export const judgeSessionVerifier = ({
  SESSION_VERIFIER_URL: url,
  OUTBOUND_ALLOW: allow,
}: Judged): readonly string[] =>
  url && allow !== undefined && 'refusal' in judgeOutboundUrl(url, allow)
    ? ['SESSION_VERIFIER_URL must be an https URL of a public address, or one that OUTBOUND_ALLOW names']
    : []
