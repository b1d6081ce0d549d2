import type { Person } from '../account/profile.ts'
import type { Digest, Plain } from '../base/digest.ts'
import { type PresentedSecret, parsePersonalSecret, personalSecretOf } from '../base/personal-secret.ts'
import type { LogoutNotice } from '../oauth/client.ts'
import type { ExtraClaims } from '../sign-in/extra-claims.ts'
import type { Family, NewFamily, TracedSource } from '../sign-in/refresh-family.ts'

export type AuthorizationCode = Plain<'authorization_code'>
export type PresentedCode = PresentedSecret<'authorization_code'>

/** Seconds a code may wait. RFC 6749 §4.1.2 advises at most 600. Judged in SQL, by store/codes/judge-codes.ts. */
export const CODE_SECONDS = 60

/** Redemptions with something wrong until the code is ended. */
export const CODE_FAILURES_AT_MOST = 10

const PREFIX = 'signet_ac_'

/** A new code. `random` has 32 bytes. */
export const authorizationCodeOf = (
  code: Readonly<{ user_id: string; random: Uint8Array }>,
): AuthorizationCode => personalSecretOf(PREFIX, code)

/** Reads a presented code. Null for what was never one of ours. */
export const parseAuthorizationCode = (text: string): PresentedCode | null =>
  parsePersonalSecret(PREFIX, text)

/**
 * RFC 6749 §4.1.2 – What a code is bound to. Its `auth_time`, its `amr` and its credential epoch are those of the browser session, as
 * the session is when the code is issued.
 */
export type NewAuthorizationCode = PresentedCode &
  Readonly<{
    session_id: string
    client_id: string
    /** Null where the request named none, because the client has one alone: then the redemption names none either. */
    redirect_uri: string | null
    /** RFC 7636 §4.3 – Of `S256`; null for a confidential client that is registered without PKCE. */
    code_challenge: string | null
    /** RFC 9449 §10 – Thumbprint of the key that the redemption has to prove; null: none has to be. */
    dpop_jkt: string | null
    scope: string
    /** The audiences, as the row of a family keeps them. */
    audience: readonly string[]
    nonce: string | null
    /** The version of the consent; null for a first-party client, for which no person is asked. */
    consent_version: number | null
    /** Whether its redemption answers with a refresh token. */
    isRefreshable: boolean
    /** RFC 9126 – The pushed request that the code answers, which is thereby consumed; null where nothing was pushed. */
    pushed_request: Digest<'pushed_request'> | null
    /** The extra claims of the family that it buys. */
    claims: ExtraClaims | null
  }>

/** RFC 6749 §4.1.3 – A code as presented at the token endpoint, with everything that the verdict depends on. */
export type Redemption = PresentedCode &
  Readonly<{
    client_id: string
    redirect_uri: string | null
    /** RFC 7636 §4.6 – The challenge of the verifier that was sent; null without one. */
    code_challenge: string | null
    /** RFC 9449 §5 – Thumbprint of the key that the sender has proved to hold; null without a proof. */
    jkt: string | null
    /** The same where the family is to be bound to it: that of a public client. */
    sender_key: string | null
    resources: readonly string[]
    retry_proof: Digest<'retry_proof'> | null
    /** The family that the code buys. */
    family: Pick<NewFamily, 'id' | 'salt' | 'pepper_id' | 'token_digest'>
    /** How the client learns of the end of a sign-in with `openid`; null: not at all. */
    logout_notice: LogoutNotice | null
    source: TracedSource
  }>

/** What a code bought. `isRefreshable` is false for a family that expires with its access token. */
export type Bought = Readonly<{
  family: Family
  person: Person
  nonce: string | null
  isRefreshable: boolean
}>

/**
 * docs/authorization-codes.md – Every verdict on a presented code, as store/codes/judge-codes.ts gives it in SQL. `redeemed` has opened
 * the family. `repeated` is the same request again, by its Idempotency-Key, within CODE_SECONDS of the first and before the family was
 * refreshed. `replayed` has ended what the code bought, which one replay alone does: `replayed_after_end` found it ended. A `wrong_…` and `resource_exceeded` were counted against the code, unless it
 * was spent or had expired. Every other verdict changed nothing.
 */
export const CODE_VERDICTS = [
  'redeemed',
  'repeated',
  'replayed',
  'replayed_after_end',
  'unknown_code',
  'expired',
  'spent_by_failures',
  'wrong_client',
  'wrong_redirect_uri',
  'wrong_verifier',
  'wrong_dpop_key',
  'resource_exceeded',
  'account_disabled',
  'epoch_passed',
  'session_ended',
  'consent_withdrawn',
] as const
export type CodeVerdict = (typeof CODE_VERDICTS)[number]

/** Reads the verdict of a row. Throws for a text that is none: the statement and the list have come apart. */
export const parseCodeVerdict = (text: string): CodeVerdict => {
  const verdict = CODE_VERDICTS.find(known => known === text)
  if (verdict === undefined) throw new Error(`${text} is not a verdict on an authorization code`)
  return verdict
}

export type CodeOutcome =
  | Readonly<{ verdict: 'redeemed' | 'repeated'; bought: Bought }>
  | Readonly<{
      verdict: Exclude<CodeVerdict, 'redeemed' | 'repeated'>
      user_id: string
      family_id: string | null
    }>
