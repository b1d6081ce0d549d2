import type { EndingVerdict } from '../domain/sign-in/refresh-verdict.ts'
import type { Log } from '../ports/effects.ts'

type Needs = Readonly<{
  log: Log
  /** Takes no time and never fails. */
  onReuse: (family_id: string) => void
}>

export type Suspicion = EndingVerdict | 'wrong_salt' | 'code_replayed'

type Suspect = Readonly<{
  verdict: Suspicion
  client_id: string
  family_id: string
  ip: string
}>

/**
 * RFC 9700 §4.5, §4.14.2 – Tells operators of a refresh token or a code that its client has no business with, and the account's owner
 * of one that was used twice.
 */
export type RaiseAlert = (suspect: Suspect, message: string) => void

export const createRaiseAlert =
  ({ log, onReuse }: Needs): RaiseAlert =>
  ({ verdict, client_id, family_id, ip }, message) => {
    const event = verdict === 'code_replayed' ? 'authorization_code_alert' : 'refresh_token_alert'
    log.warn({ event, client_id, sid: family_id, ip }, message)
    if (verdict === 'reused' || verdict === 'code_replayed') onReuse(family_id)
  }
