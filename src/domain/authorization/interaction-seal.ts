import { hash } from 'node:crypto'
import { z } from 'zod'
import { pooled } from '../base/digest.ts'
import type { Peppers } from '../base/pepper.ts'
import type { PasskeyRequest } from '../factors/passkey.ts'
import { sealText, unsealText } from '../factors/sealed-secret.ts'
import { type AuthorizationRequest, PROMPTS, RESPONSE_MODES } from './authorization-request.ts'

/** Seconds for which a page may be filled in, counted from the first page of a request. */
export const INTERACTION_SECONDS = 3_600

const REQUEST = z.object({
  client_id: z.string(),
  redirect_uri: z.string(),
  response_mode: z.enum(RESPONSE_MODES),
  state: z.string().nullable(),
  isRedirectUriGiven: z.boolean(),
  scope: z.array(z.string()),
  audience: z.array(z.string()),
  isAudienceGiven: z.boolean(),
  nonce: z.string().nullable(),
  code_challenge: z.string().nullable(),
  // Absent from what a server of a version before has sealed.
  dpop_jkt: z.string().nullable().default(null),
  prompt: z.array(z.enum(PROMPTS)),
  max_age: z.number().nullable(),
  acr_values: z.array(z.string()).nullable(),
  login_hint: z.string().nullable(),
  hinted_sub: z.string().nullable(),
  ui_locales: z.string().nullable(),
  pushed: z.string().nullable(),
  isSigned: z.boolean(),
  asked_at: z.number(),
}) satisfies z.ZodType<AuthorizationRequest>

/**
 * A person who is signed in, and proves again who they are before a change of how they sign in; or a person with an identity at another
 * provider, who proves that the account of its address is theirs.
 */
export type Confirmation = Readonly<{
  account_id: string
  email: string
  hasPassword: boolean
  hasPasskey: boolean
  /** The providers, by their ids, at which the person may sign in for it. Left out by a version before. */
  upstreams?: readonly string[] | undefined
}>

/** An identity at another provider that has no account yet, and the name of the provider. */
export type PendingIdentity = Readonly<{
  issuer: string
  subject: string
  email: string
  label: string
}>

/** What a page takes along to the next one. Nothing is stored for a stranger. */
export type Interaction = Readonly<{
  /** Null: the person came to the pages by themselves. */
  request: AuthorizationRequest | null
  /** Seconds since 1970. */
  begun_at: number
  /** The browser session that the page was made for. Null: the browser was not signed in. */
  session_id: string | null
  /** The invitation by which the person opens an account. */
  invitation?: string | undefined
  /** The ceremony in which a second factor is shown, and the factors that would do. */
  second_factor: Readonly<{
    handle: string
    factors: readonly string[]
    /** True where the session of the page has a factor added: it must still live then. */
    isStepUp: boolean
    /** What the browser is asked with, where a passkey would do. */
    passkey?: PasskeyRequest | undefined
    /** RFC 8176 – The methods of the first half of the sign-in. Left out: a password. */
    first_amr?: readonly string[] | undefined
  }> | null
  /** Left out but on the way to a change of how the person signs in. */
  confirmation?: Confirmation | undefined
  /** Left out but on the way to a link: the identity that the account of `confirmation` gets once its owner has proved that it is theirs. */
  identity?: PendingIdentity | undefined
  /** Without a request: the page that the person has asked for, and goes on to. Left out: their account page. */
  path?: string | undefined
  /** The optional scopes of a consent page: those that its form decides on. Absent from every other page. */
  choices?: readonly string[] | undefined
  /** The description of the client that a consent page shows, by `shownDocumentOf`. Left out by a version before. */
  document?: string | null | undefined
}>

const PASSKEY_REQUEST = z.object({
  rpId: z.string(),
  challenge: z.string(),
  timeout: z.number(),
  allowCredentials: z.array(z.object({ type: z.string(), id: z.string(), transports: z.array(z.string()) })),
  userVerification: z.string(),
}) satisfies z.ZodType<PasskeyRequest>

const SECOND_FACTOR = z.object({
  handle: z.string(),
  factors: z.array(z.string()),
  isStepUp: z.boolean(),
  passkey: PASSKEY_REQUEST.optional(),
  first_amr: z.array(z.string()).optional(),
})

const CONFIRMATION = z.object({
  account_id: z.string(),
  email: z.string(),
  hasPassword: z.boolean(),
  hasPasskey: z.boolean(),
  upstreams: z.array(z.string()).optional(),
}) satisfies z.ZodType<Confirmation>

const IDENTITY = z.object({
  issuer: z.string(),
  subject: z.string(),
  email: z.string(),
  label: z.string(),
}) satisfies z.ZodType<PendingIdentity>

const INTERACTION = z.object({
  request: REQUEST.nullable(),
  begun_at: z.number(),
  session_id: z.string().nullable(),
  invitation: z.string().optional(),
  second_factor: SECOND_FACTOR.nullable(),
  confirmation: CONFIRMATION.optional(),
  identity: IDENTITY.optional(),
  path: z.string().optional(),
  choices: z.array(z.string()).optional(),
  document: z.string().nullable().optional(),
}) satisfies z.ZodType<Interaction>

/** What the hidden field of a form holds. */
export type SealedInteraction = string

type Browser = Readonly<{ browser_id: string }>

/** Ours – Seals an interaction for one browser: in another one it opens nothing, so that it is the form's token against forgery too. */
export const sealInteraction = (
  interaction: Interaction,
  { browser_id, nonce }: Browser & Readonly<{ nonce: Uint8Array }>,
  [pepper]: Peppers,
): SealedInteraction =>
  sealText(JSON.stringify(interaction), { use: 'interaction', owner: ownerOf(browser_id), nonce }, pepper)

/**
 * WebAuthn Level 3 §13.4.3 – The challenge of a page: a digest of what was sealed for it under a fresh nonce, so that it belongs to this
 * page in this browser. It comes back with the page, and nothing is stored for it.
 */
export const passkeyChallengeOf = (sealed: SealedInteraction): Uint8Array =>
  pooled(hash('sha256', `passkey ${sealed}`, 'binary'))

/** When a page of the interaction can no longer be answered. */
export const expiryOf = ({ begun_at }: Pick<Interaction, 'begun_at'>): Date =>
  new Date((begun_at + INTERACTION_SECONDS) * 1000)

/** What came of opening one. `expired` still tells what was asked for, so that the person can begin again. */
export type Unsealed =
  | Readonly<{ outcome: 'open' | 'expired'; interaction: Interaction }>
  | Readonly<{ outcome: 'foreign' }>

/** The reverse of `sealInteraction`. `foreign`: changed, of another browser, or under a pepper that is gone. */
export const unsealInteraction = (
  text: string,
  { browser_id }: Browser,
  { peppers, now }: Readonly<{ peppers: Peppers; now: Date }>,
): Unsealed => {
  const opened = unsealText(text, { use: 'interaction', owner: ownerOf(browser_id) }, peppers)
  if (opened === null) return { outcome: 'foreign' }
  // Sealed by a version that writes another shape: the person begins again.
  const parsed = INTERACTION.safeParse(JSON.parse(opened))
  if (!parsed.success) return { outcome: 'foreign' }
  const age = Math.floor(now.getTime() / 1000) - parsed.data.begun_at
  return { outcome: age <= INTERACTION_SECONDS ? 'open' : 'expired', interaction: parsed.data }
}

const ownerOf = (browser_id: string) => `interaction of browser ${browser_id}`
