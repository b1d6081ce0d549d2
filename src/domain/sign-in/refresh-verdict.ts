import type { Reason } from '../oauth/oauth-error.ts'
import type { EndReason, Family } from './refresh-family.ts'

/**
 * docs/refresh-families.md – Every verdict on a presented refresh token, which store/families/judge-families.ts gives in SQL, with the
 * outcome that the metrics count and the reason for the log. Only the log tells the causes of a denial apart.
 */
export const REFRESH_VERDICTS = {
  rotated: ['rotated', null],
  replayed: ['replayed', null],
  replayed_within_grace: ['replayed', null],
  unknown_family: ['denied', 'refresh_unknown_family'],
  wrong_salt: ['denied', 'refresh_wrong_salt'],
  revoked: ['denied', 'refresh_revoked'],
  idle: ['denied', 'refresh_idle'],
  expired: ['denied', 'refresh_expired'],
  epoch_passed: ['denied', 'refresh_epoch_passed'],
  account_disabled: ['denied', 'refresh_account_disabled'],
  wrong_client: ['denied', 'refresh_wrong_client'],
  wrong_sender_key: ['denied', 'refresh_wrong_sender_key'],
  wrong_transport: ['denied', 'refresh_wrong_transport'],
  too_old_to_tell: ['denied', 'refresh_too_old_to_tell'],
  scope_exceeded: ['scope_exceeded', 'scope_not_granted'],
  resource_exceeded: ['resource_exceeded', 'resource_not_granted'],
  reused: ['reused', 'refresh_reused'],
  forged: ['forged', 'refresh_forged'],
} as const satisfies Record<string, readonly [outcome: string, reason: Reason | null]>

type Verdicts = typeof REFRESH_VERDICTS
export type RefreshVerdict = keyof Verdicts
export type RefreshOutcome = Verdicts[RefreshVerdict][0]
type VerdictOf<O extends RefreshOutcome> = {
  [V in RefreshVerdict]: Verdicts[V][0] extends O ? V : never
}[RefreshVerdict]

/** The verdicts of the outcome `denied`. The statement writes nothing for them. */
export type Denial = VerdictOf<'denied'>

/** The verdicts that end the family, with the reason that its row keeps. */
export const END_REASON_OF = { reused: 'reuse', forged: 'forged' } as const satisfies Partial<
  Record<RefreshVerdict & RefreshOutcome, EndReason>
>
export type EndingVerdict = keyof typeof END_REASON_OF

export const isEnding = (verdict: RefreshVerdict | RefreshOutcome): verdict is EndingVerdict =>
  Object.hasOwn(END_REASON_OF, verdict)

export const REFRESH_OUTCOMES: readonly RefreshOutcome[] = [
  ...new Set(Object.values(REFRESH_VERDICTS).map(([outcome]) => outcome)),
]

/**
 * What a refresh came to. `rotated` and `replayed` carry the family as it now stands; a refusal carries its account, where the family
 * exists. `rotated_from` is the address of the latest rotation where a grace window allowed a replay, and null where a retry proof did.
 */
export type Rotation =
  | Readonly<{ outcome: 'rotated'; family: Family }>
  | Readonly<{ outcome: 'replayed'; family: Family; rotated_from: string | null }>
  | Readonly<{ outcome: 'denied'; denial: Denial; user_id: string | null }>
  | Readonly<{ outcome: Exclude<RefreshOutcome, 'rotated' | 'replayed' | 'denied'>; user_id: string }>

export const rotationOf = (
  verdict: RefreshVerdict,
  { family, last_ip }: Readonly<{ family: Family; last_ip: string | null }>,
): Rotation => {
  const { user_id } = family
  if (isDenial(verdict)) return { outcome: 'denied', denial: verdict, user_id }
  switch (verdict) {
    case 'rotated':
      return { outcome: 'rotated', family }
    case 'replayed':
      return { outcome: 'replayed', family, rotated_from: null }
    case 'replayed_within_grace':
      return { outcome: 'replayed', family, rotated_from: last_ip }
    case 'scope_exceeded':
    case 'resource_exceeded':
    case 'reused':
    case 'forged':
      return { outcome: verdict, user_id }
  }
}

const isDenial = (verdict: RefreshVerdict): verdict is Denial => REFRESH_VERDICTS[verdict][0] === 'denied'

/** The reason for the refusal of a presented token. */
export const reasonOf = <V extends Exclude<RefreshVerdict, VerdictOf<'rotated' | 'replayed'>>>(
  verdict: V,
): Verdicts[V][1] => REFRESH_VERDICTS[verdict][1]

/** Reads the verdict of a row. Throws for an unknown text, which means that the statement and the list differ. */
export const parseRefreshVerdict = (text: string): RefreshVerdict => {
  if (!isRefreshVerdict(text)) throw new Error(`${text} is not a verdict on a refresh token`)
  return text
}

const isRefreshVerdict = (text: string): text is RefreshVerdict => Object.hasOwn(REFRESH_VERDICTS, text)
