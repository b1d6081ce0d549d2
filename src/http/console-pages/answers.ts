import { z } from 'zod'

/** The answers of the administration API, as far as the pages show them. What an older server leaves out counts as absent. */

const text = z
  .string()
  .nullish()
  .transform(value => value ?? null)
const texts = z
  .array(z.string())
  .nullish()
  .transform(value => value ?? [])
const number = z
  .number()
  .nullish()
  .transform(value => value ?? null)

const listOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: text })

/** An answer whose content is not shown. */
export const ANYTHING = z.unknown()

/** How many sign-ins an action has ended; null where the answer does not say. */
export const ENDED = z
  .object({ ended: z.number().optional() })
  .nullish()
  .transform(value => value?.ended ?? null)

export const MATCHES = z.object({
  matches: z.array(z.object({ kind: z.string(), id: z.string(), label: text, note: text })),
})
export type MatchShown = z.output<typeof MATCHES>['matches'][number]

const ACCOUNT_LINE = z.object({
  sub: z.string(),
  email: z.string(),
  email_verified: z.boolean().default(false),
  created_at: text,
  disabled_at: text,
  roles: texts,
  external_id: text,
})
export const ACCOUNTS = listOf(ACCOUNT_LINE)
export type ListedAccount = z.output<typeof ACCOUNT_LINE>

export const ACCOUNT = ACCOUNT_LINE.extend({
  profile: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform(value => value ?? {}),
  factors: z
    .object({
      totp: z.boolean().default(false),
      passkeys: z
        .array(z.object({ id: z.string(), name: text, created_at: text, last_used_at: text }))
        .default([]),
      recovery_codes_left: z.number().default(0),
    })
    .nullish()
    .transform(value => value ?? { totp: false, passkeys: [], recovery_codes_left: 0 }),
  identities: z
    .array(z.object({ upstream: text, label: text, linked_at: text }))
    .nullish()
    .transform(value => value ?? []),
  living_sign_ins: number,
})
export type AccountShown = z.output<typeof ACCOUNT>

export const SIGN_IN = z.object({
  sid: z.string(),
  sub: z.string(),
  email: text,
  client_id: z.string(),
  created_at: text,
  last_used_at: text,
  generation: number,
  ip: text,
  user_agent: text,
  expires_at: text,
  idle_expires_at: text,
  state: z.string(),
  ended_at: text,
  reason: text,
  because: text,
  amr: texts,
  scope: text,
})
export const SIGN_INS = listOf(SIGN_IN)
export type SignInShown = z.output<typeof SIGN_IN>

export const CONSENTS = z.object({
  items: z.array(z.object({ client_id: z.string(), granted: texts, granted_at: text })),
})
export type ConsentShown = z.output<typeof CONSENTS>['items'][number]

export const EVENT = z.object({
  id: z.string(),
  at: z.string(),
  kind: z.string(),
  outcome: z.string(),
  reason: text,
  actor: z
    .object({ type: z.string(), id: text })
    .nullish()
    .transform(value => value ?? null),
  sub: text,
  client_id: text,
  sid: text,
  jti: text,
  ip: text,
  request_id: text,
  count: number,
  details: z.unknown(),
})
export const EVENTS = listOf(EVENT)
export type EventShown = z.output<typeof EVENT>

/** What the row of a sign-in tells of its past: rotations are counted, and no event tells of them. */
const STEP = z.object({ at: z.string(), step: z.string(), count: z.number(), because: text })
export type StepShown = z.output<typeof STEP>
export const TIMELINE = z.object({ sign_in: SIGN_IN, steps: z.array(STEP), events: z.array(EVENT) })
export type TimelineShown = z.output<typeof TIMELINE>

/** In the names of RFC 7591, as CLIENTS_FILE has it. */
const REGISTRATION = z.looseObject({
  client_name: text,
  token_endpoint_auth_method: text,
  grant_types: texts,
  redirect_uris: texts,
  scope: text,
})
export const CLIENT = z
  .object({
    client_id: z.string(),
    client: REGISTRATION,
    source: text,
    created_at: text,
    updated_at: text,
    disabled_at: text,
    secrets: z.array(z.object({ is_former: z.boolean(), last_used_at: text, expires_at: text })).default([]),
  })
  .transform(({ client: registration, ...kept }) => ({ ...kept, registration }))
export const CLIENTS = listOf(CLIENT)
export type ClientShown = z.output<typeof CLIENT>

export const SECRET = z.object({ client_secret: z.string() })
/** A client that was created: its secret, where the server has made one, is shown this once. */
export const CREATED_CLIENT = z.looseObject({ client_id: z.string(), client_secret: text })

const KEY = z.object({
  kid: z.string(),
  state: z.string(),
  announced_at: text,
  signs_from: text,
  signs_until: text,
  served_until: text,
})
export const KEYS = z.object({ items: z.array(KEY), rotation_due_at: text })
export type KeysShown = z.output<typeof KEYS>
export type KeyShown = z.output<typeof KEY>

export const ACTIVITY = z.object({
  from: z.string(),
  bucket_seconds: z.number(),
  instances: number,
  series: z.record(z.string(), z.record(z.string(), z.array(z.number()))),
  degradations: z
    .array(z.object({ what: z.string(), from: z.string(), until: text }))
    .nullish()
    .transform(value => value ?? []),
  living_sign_ins: number,
  living_sign_ins_yesterday: number,
  token_p99_seconds: number,
  followers: z
    .object({ count: number, p99_seconds: number, most_seconds: number })
    .nullish()
    .transform(value => value ?? { count: null, p99_seconds: null, most_seconds: null }),
})
export type ActivityShown = z.output<typeof ACTIVITY>

export const HEALTH = z.object({
  findings: z.array(z.object({ check: z.string(), outcome: z.string(), detail: text, advice: text })),
})
export type HealthFinding = z.output<typeof HEALTH>['findings'][number]

/** How many sign-ins an action has ended, in words. */
export const endedText = (answer: unknown): string => {
  const ended = ENDED.parse(answer)
  if (ended === null) return ''
  return ended === 1 ? ' One sign-in was ended.' : ` ${ended} sign-ins were ended.`
}
