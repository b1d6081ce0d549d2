import { z } from 'zod'

/** The answers of the administration, as far as commands read them. Other members are kept for `--json`. */
export const TOLD_SIGN_IN = z.looseObject({
  sid: z.string(),
  sub: z.string(),
  email: z.string(),
  client_id: z.string(),
  created_at: z.string(),
  last_used_at: z.string(),
  generation: z.number(),
  ip: z.string().nullable(),
  user_agent: z.string().nullable(),
  expires_at: z.string(),
  idle_expires_at: z.string(),
  state: z.string(),
  ended_at: z.string().nullable(),
  reason: z.string().nullable(),
  because: z.string().nullable(),
  amr: z.array(z.string()),
})
export type ToldSignIn = z.output<typeof TOLD_SIGN_IN>

/** A newer server may have kinds of events that this program does not know. */
export const TOLD_EVENT = z.looseObject({
  id: z.string(),
  /** The place in the stream, where the answer knows it. */
  number: z.number().nullish(),
  at: z.string(),
  kind: z.string(),
  outcome: z.string(),
  reason: z.string().nullable(),
  actor: z.looseObject({ type: z.string(), id: z.string().nullish() }).nullable(),
  sub: z.string().nullable(),
  client_id: z.string().nullable(),
  sid: z.string().nullable(),
  jti: z.string().nullable(),
  ip: z.string().nullable(),
  request_id: z.string().nullable(),
  count: z.number(),
  details: z.record(z.string(), z.unknown()),
})
export type ToldEvent = z.output<typeof TOLD_EVENT>

export const TOLD_TIMELINE = z.looseObject({ sign_in: TOLD_SIGN_IN, events: z.array(TOLD_EVENT) })

export const TOLD_ACCOUNT = z.looseObject({
  sub: z.string(),
  email: z.string(),
  created_at: z.string(),
  disabled_at: z.string().nullable(),
})
export type ToldAccount = z.output<typeof TOLD_ACCOUNT>

const MATCH = z.looseObject({ kind: z.string(), id: z.string(), label: z.string(), note: z.string() })
export type FoundMatch = z.output<typeof MATCH>
export const TOLD_MATCHES = z.looseObject({ matches: z.array(MATCH) })

export const TOLD_ENDED = z.looseObject({ ended: z.number() })

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.looseObject({ items: z.array(item), next: z.string().nullable() })

/** RFC 9457 §3.1, with the members of `FIELDS_INVALID`. */
export const PROBLEM = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  errors: z.array(z.looseObject({ pointer: z.string(), detail: z.string() })).optional(),
})

/** RFC 6749 §5.1 and §5.2. */
export const TOKEN_ANSWER = z.looseObject({ access_token: z.string() })
export const TOKEN_REFUSAL = z.looseObject({ error: z.string(), error_description: z.string().optional() })
