import { limitKeyOf } from '../domain/base/ip-address.ts'
import { type AboutRequest, aboutFamily } from '../domain/base/log-fields.ts'
import type { Reason } from '../domain/oauth/oauth-error.ts'
import type { Family, TracedSource } from '../domain/sign-in/refresh-family.ts'
import type { EndingVerdict } from '../domain/sign-in/refresh-verdict.ts'
import type { Log, Metrics } from '../ports/effects.ts'

type Needs = Readonly<{
  log: Log
  /** Takes no time and never fails. */
  onReuse: (about: AboutRequest & Readonly<{ sid: string }>) => void
}>

/** Each with the reason that the log has for the refused request. */
const REASON_OF = {
  reused: 'refresh_reused',
  forged: 'refresh_forged',
  wrong_salt: 'refresh_wrong_salt',
  code_replayed: 'code_replayed',
} as const satisfies Readonly<Record<EndingVerdict | 'wrong_salt' | 'code_replayed', Reason>>

export type Suspicion = keyof typeof REASON_OF

type Suspect = Readonly<{
  verdict: Suspicion
  client_id: string
  family_id: string
  user_id: string | null
  source: TracedSource
}>

/**
 * RFC 9700 §4.5, §4.14.2 – Alerts operators to a refresh token that was reused, forged, or carries a foreign salt, and to a code that was
 * presented twice. The account's owner is notified of a secret that was used twice.
 */
export type RaiseAlert = (suspect: Suspect, message: string) => void

export const createRaiseAlert =
  ({ log, onReuse }: Needs): RaiseAlert =>
  ({ verdict, client_id, family_id, user_id, source: { ip, request_id } }, message) => {
    const sid = family_id
    const about = { ...aboutFamily({ id: family_id, user_id, client_id }), sid, request_id }
    const event = verdict === 'code_replayed' ? 'authorization_code_alert' : 'refresh_token_alert'
    log.warn({ event, reason: REASON_OF[verdict], ...about, ip }, message)
    if (verdict === 'reused' || verdict === 'code_replayed') onReuse(about)
  }

type Shared = Readonly<{ family: Family; rotated_from: string | null; source: TracedSource }>

/**
 * Ours – Tells operators that a superseded refresh token was answered within its grace window at another address than that of the latest
 * rotation. It may be a process of the owner on another machine, or a thief who rides along.
 */
export const reportElsewhere = (
  { log, metrics }: Readonly<{ log: Log; metrics: Metrics }>,
  { family, rotated_from, source: { ip, request_id } }: Shared,
): void => {
  if (rotated_from === null || limitKeyOf(rotated_from) === limitKeyOf(ip)) return
  metrics.answeredElsewhere()
  log.warn(
    { event: 'refresh_token_elsewhere', ...aboutFamily(family), request_id, ip },
    'a superseded refresh token was answered at another address than the latest one',
  )
}
