import { type ExtraClaims, judgeExtraClaims } from './extra-claims.ts'

/** What a sign-in comes to whose claims cannot be had: it is refused, or goes on without them. */
export const CLAIMS_HOOK_FAILURES = ['refuse', 'without'] as const
export type ClaimsHookFailure = (typeof CLAIMS_HOOK_FAILURES)[number]

/** What a sign-in's claims came from. `remembered`: an answer of the last seconds, or one that another sign-in waits for. */
export const CLAIMS_HOOK_OUTCOMES = ['answered', 'remembered', 'unanswered'] as const
export type ClaimsHookOutcome = (typeof CLAIMS_HOOK_OUTCOMES)[number]

/** A sign-in that is about to be opened, of a person who has proved who they are. */
export type ClaimsOccasion = Readonly<{
  occasion: 'sign_in' | 'step_up'
  sub: string
  client_id: string
  scope: string
  /** All that tokens of the sign-in may be for. */
  audience: readonly string[]
  amr: readonly string[]
  /** All roles of the account. The question has those that this sign-in may use. */
  roles: readonly string[]
}>

/**
 * The claims that every token of the sign-in is to carry; null where none are to be had. Rejects with Unavailable where a sign-in without
 * them is refused.
 */
export type AskClaims = (occasion: ClaimsOccasion) => Promise<ExtraClaims | null>

/** For a server without the hook. */
export const asksNoClaims: AskClaims = async () => null

/** The body of the question. Sign-ins of which the same is told get the same answer. */
export const claimsQuestion = (
  { occasion, sub, client_id, scope, audience, amr }: ClaimsOccasion,
  { acr, roles }: Readonly<{ acr: string; roles: readonly string[] }>,
) => ({ hook: 'claims', occasion, sub, client_id, scope, audience, amr, acr, roles })

/** Ours – Reads the answer `{"claims":{…}}`. Null for one without an object `claims`, or with claims that no token may carry. */
export const judgeClaimsAnswer = ({ claims }: Readonly<Record<string, unknown>>) => judgeExtraClaims(claims)
