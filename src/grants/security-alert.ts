import type { EndingVerdict } from '../domain/sign-in/refresh-verdict.ts'
import type { Log } from '../ports/effects.ts'

type Needs = Readonly<{
  log: Log
  /** Takes no time and never fails. */
  onReuse: (family_id: string) => void
}>

export type Suspicion = EndingVerdict | 'wrong_salt'

type Suspect = Readonly<{
  verdict: Suspicion
  client_id: string
  family_id: string
  ip: string
}>

/** RFC 9700 §4.14.2 – Tells operators of a refresh token that its client has no business with, and the owner of one that was used twice. */
export type RaiseAlert = (suspect: Suspect, message: string) => void

export const createRaiseAlert =
  ({ log, onReuse }: Needs): RaiseAlert =>
  ({ verdict, client_id, family_id, ip }, message) => {
    log.warn({ event: 'refresh_token_alert', client_id, sid: family_id, ip }, message)
    if (verdict === 'reused') onReuse(family_id)
  }
