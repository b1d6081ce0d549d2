import { type AboutRequest, aboutFamily } from '../domain/base/log-fields.ts'
import type { TracedSource } from '../domain/sign-in/refresh-family.ts'
import { type EndingVerdict, reasonOf } from '../domain/sign-in/refresh-verdict.ts'
import type { Log } from '../ports/effects.ts'

type Needs = Readonly<{
  log: Log
  /** Takes no time and never fails. */
  onReuse: (about: AboutRequest & Readonly<{ sid: string }>) => void
}>

export type Suspicion = EndingVerdict | 'wrong_salt'

type Suspect = Readonly<{
  verdict: Suspicion
  client_id: string
  family_id: string
  user_id: string | null
  source: TracedSource
}>

/**
 * RFC 9700 §4.14.2 – Alerts operators to a refresh token that was reused, forged, or carries a foreign salt. The account's owner is
 * notified of a reused one.
 */
export type AlertRefresh = (suspect: Suspect, message: string) => void

export const createAlertRefresh =
  ({ log, onReuse }: Needs): AlertRefresh =>
  ({ verdict, client_id, family_id, user_id, source: { ip, request_id } }, message) => {
    const sid = family_id
    const about = { ...aboutFamily({ id: family_id, user_id, client_id }), sid, request_id }
    log.warn({ event: 'refresh_token_alert', reason: reasonOf(verdict), ...about, ip }, message)
    if (verdict === 'reused') onReuse(about)
  }
