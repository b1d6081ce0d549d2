import { judgeExternalId } from '../account/external-id.ts'
import type { Bought } from '../authorization/authorization-code.ts'
import { type Digest, digestOf, type Plain } from '../base/digest.ts'
import { isUuid } from '../base/uuid.ts'
import type { LogoutNotice } from '../oauth/client.ts'
import type { Reason } from '../oauth/oauth-error.ts'
import type { ExtraClaims } from '../sign-in/extra-claims.ts'
import type { NewFamily, RequestSource } from '../sign-in/refresh-family.ts'

/** RFC 8693 §3 – Ours: a session of an application, which the operator's verifier recognises (docs/moving-from-sessions.md). */
export const SESSION_TOKEN_TYPE = 'urn:signet:token-type:session'

/** Ours: characters of a session as it is presented, at most. */
export const SESSION_MAX_CHARACTERS = 4_096

/** Ours: characters of the key by which the verifier knows a session, at most. */
const KEY_MAX_CHARACTERS = 255

/** Ours: seconds for which a session may live on, at most: its row is kept for as long. */
const LIFE_MAX_SECONDS = 400 * 86_400

/** A session that the verifier has recognised. */
export type RecognisedSession = Readonly<{
  /** One of the two names the account. */
  user_id: string | null
  external_id: string | null
  /** Of the key by which the verifier knows the session: the same for as long as the session lives, and for no other one. */
  digest: Digest<'outside_session'>
  /** Seconds since 1970. */
  auth_time: number
  exp: number
}>

/** The body of the question. */
export const sessionQuestion = ({
  client_id,
  subject_token,
}: Readonly<{ client_id: string; subject_token: string }>) => ({
  hook: 'session',
  subject_token,
  client_id,
})

type Answer = Readonly<Record<string, unknown>>

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0
const isKey = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= KEY_MAX_CHARACTERS

/**
 * Ours, after RFC 7662 §2.2 – Reads what the verifier says of a session. `inactive` also for one that has expired by its own `exp`. Null for
 * an answer that says neither yes nor no, or a yes that does not tell whose session it is.
 */
export const judgeSessionAnswer = (
  { active, sub, external_id, session, auth_time, exp }: Answer,
  now: Date,
): RecognisedSession | 'inactive' | null => {
  if (active === false) return 'inactive'
  const seconds = now.getTime() / 1000
  if (active !== true || !isKey(session) || !isTime(auth_time) || !isTime(exp)) return null
  if (auth_time > seconds + 60 || exp > seconds + LIFE_MAX_SECONDS) return null
  if (exp <= seconds) return 'inactive'
  const known = { digest: digestOf(session as Plain<'outside_session'>), auth_time, exp }
  if (typeof sub === 'string' && isUuid(sub) && external_id === undefined)
    return { ...known, user_id: sub, external_id: null }
  if (typeof external_id === 'string' && judgeExternalId(external_id) === null && sub === undefined)
    return { ...known, user_id: null, external_id }
  return null
}

/** A recognised session as it is exchanged, with everything that the verdict depends on. */
export type SessionExchange = RecognisedSession &
  Readonly<{
    client_id: string
    scope: string
    audience: readonly string[]
    retry_proof: Digest<'retry_proof'> | null
    /** The family that the session buys the first time. */
    family: Pick<NewFamily, 'id' | 'salt' | 'pepper_id' | 'token_digest'>
    /** How the client learns of the end of a sign-in with `openid`; null: not at all. */
    logout_notice: LogoutNotice | null
    /** The extra claims of that family. */
    claims: ExtraClaims | null
    source: RequestSource
  }>

/**
 * docs/moving-from-sessions.md – Every verdict on a session, as store/sessions/exchange-session.ts gives it in SQL. `opened` has opened the
 * family. `ended` is also a session from before the latest change that ended every sign-in of its person. `repeated` is the same request
 * again, by its Idempotency-Key, before the family was refreshed. `joined` is any other request with the session of a living family: it gets
 * no refresh token, of which there is one.
 */
const SESSION_VERDICTS = [
  'opened',
  'repeated',
  'joined',
  'ended',
  'account_unknown',
  'account_disabled',
] as const
type SessionVerdict = (typeof SESSION_VERDICTS)[number]
type SessionRefusal = Exclude<SessionVerdict, 'opened' | 'repeated' | 'joined'>

/** Reads the verdict of a row. Throws for a text that is none: the statement and the list have come apart. */
export const parseSessionVerdict = (text: string): SessionVerdict => {
  const verdict = SESSION_VERDICTS.find(known => known === text)
  if (verdict === undefined) throw new Error(`${text} is not a verdict on a session`)
  return verdict
}

export type SessionOutcome =
  | Readonly<{ verdict: 'opened' | 'repeated' | 'joined'; bought: Bought }>
  | Readonly<{ verdict: SessionRefusal; user_id: string | null }>

/** RFC 8693 §2.2.2 – The reason for which a session is refused, by its verdict. */
export const SESSION_REFUSALS = {
  ended: 'session_sign_in_ended',
  account_unknown: 'session_account_unknown',
  account_disabled: 'session_account_disabled',
} as const satisfies Record<SessionRefusal, Reason>
