import { hash } from 'node:crypto'
import { z } from 'zod'
import type { Language } from '../base/language.ts'
import type { Peppers } from '../base/pepper.ts'
import { sealText, unsealText } from '../factors/sealed-secret.ts'

/** Seconds that a person has at the provider: they may have to register there. */
export const UPSTREAM_SECONDS = 1_800

/** A sign-in at a provider that has been begun. Nothing is stored for a stranger: the browser keeps it, sealed, in a cookie. */
export type UpstreamAttempt = Readonly<{
  upstream: string
  state: string
  nonce: string
  code_verifier: string
  /** Seconds since 1970. */
  begun_at: number
  /** True where the provider is asked for a new sign-in, not one of before. */
  isFresh: boolean
  /** Seconds before `begun_at` at which the person may have signed in there at the earliest; null: the time does not matter. Left out by a version before. */
  max_age?: number | null | undefined
  /** The sealed interaction of the page; null where an identity is added to an account. */
  interaction: string | null
  /** The account that gets the identity, and the browser session that has asked for it. */
  adding: Readonly<{ account_id: string; session_id: string }> | null
  /** The device token: its cookie does not come with the way back, which begins at another site. */
  device_token: string | null
  /** The language of the page: the way back does not tell which one the person has chosen. Left out by a version before. */
  language?: Language | undefined
}>

const ATTEMPT = z.object({
  upstream: z.string(),
  state: z.string(),
  nonce: z.string(),
  code_verifier: z.string(),
  begun_at: z.number(),
  isFresh: z.boolean(),
  max_age: z.number().nullable().optional(),
  interaction: z.string().nullable(),
  adding: z.object({ account_id: z.string(), session_id: z.string() }).nullable(),
  device_token: z.string().nullable(),
  language: z.string().optional(),
}) satisfies z.ZodType<UpstreamAttempt>

/** Seconds since 1970 before which the sign-in at the provider must not be; null where its time does not matter. */
export const leastAuthTimeOf = ({ begun_at, isFresh, max_age }: UpstreamAttempt): number | null => {
  const age = max_age === undefined && isFresh ? 0 : (max_age ?? null)
  return age === null ? null : begun_at - age
}

const OWNER = 'upstream attempt'

/** Ours – For the cookie that `attemptKeyOf` names. */
export const sealAttempt = (attempt: UpstreamAttempt, nonce: Uint8Array, [pepper]: Peppers): string =>
  sealText(JSON.stringify(attempt), { use: 'upstream attempt', owner: ownerOf(attempt.state), nonce }, pepper)

/** Null for a text that was sealed for another `state`, changed, or is of a pepper that is gone. */
export const unsealAttempt = (text: string, state: string, peppers: Peppers): UpstreamAttempt | null => {
  const opened = unsealText(text, { use: 'upstream attempt', owner: ownerOf(state) }, peppers)
  const parsed = ATTEMPT.safeParse(opened === null ? null : JSON.parse(opened))
  return parsed.success && parsed.data.state === state ? parsed.data : null
}

/** RFC 6749 §10.12 – The cookie of an attempt by its `state`, so that tabs do not overwrite each other's. It tells nothing of the state. */
export const attemptKeyOf = (state: string): string => hash('sha256', state, 'base64url').slice(0, 8)

const ownerOf = (state: string) => `${OWNER} ${hash('sha256', state, 'base64url')}`
