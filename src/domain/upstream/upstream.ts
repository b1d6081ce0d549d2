import { judgeEmail } from '../account/account.ts'
import type { ProfileChange, ProfileField } from '../account/profile.ts'

/** The claims of a person at a provider that Signet has a use for. */
export const UPSTREAM_CLAIMS = [
  'email',
  'email_verified',
  'name',
  'given_name',
  'family_name',
  'preferred_username',
  'picture',
  'locale',
  'zoneinfo',
] as const satisfies readonly ('email' | 'email_verified' | ProfileField)[]

export type UpstreamClaim = (typeof UPSTREAM_CLAIMS)[number]

/** The kinds of providers: OpenID Connect, and the OAuth 2 of GitHub, which has no ID tokens. */
export const UPSTREAM_TYPES = ['oidc', 'github'] as const

/** A provider of UPSTREAMS_FILE at which people may sign in. */
export type Upstream = Readonly<{
  /** In addresses of this server, and in the log. */
  id: string
  type: (typeof UPSTREAM_TYPES)[number]
  /** Compared byte for byte. For `github`: the origin of its pages. */
  issuer: string
  client_id: string
  /** Null: this server is a public client there. */
  client_secret: string | null
  /** The name on the button. */
  label: string
  scope: string
  /** The provider's name of each claim; null: the claim is not taken. */
  claims: Readonly<Record<UpstreamClaim, string | null>>
  /** The domains of the addresses that it is for; null where it is for all. */
  email_domains: readonly string[] | null
  /** True: an address that the provider calls verified counts as verified here. */
  trust_email: boolean
  /** True: a person who has no account gets one, where SIGN_UP is open. */
  create_accounts: boolean
  /** Origins to which the provider forwards at once, beside the issuer's own. */
  form_origins: readonly string[]
  /** For `github`: where its API is. */
  api_url: string
}>

/** Whether a provider can say when a person signed in there: GitHub never does, so that no proof can be asked for there. */
export const saysAuthTime = ({ type }: Pick<Upstream, 'type'>): boolean => type === 'oidc'

/** The person who signed in at a provider. The identity is issuer and subject; everything else may change. */
export type UpstreamIdentity = Readonly<{
  issuer: string
  subject: string
  /** In the normalized form; null where the provider tells none that could be one here. */
  email: string | null
  /** True where the provider says so. */
  isEmailVerified: boolean
  profile: ProfileChange
}>

/** An identity that is linked to an account. */
export type LinkedIdentity = Readonly<{
  id: string
  issuer: string
  subject: string
  /** As the provider told it when the identity was linked. */
  email: string | null
  created_at: Date
}>

/**
 * Ours – Whether a provider is for this person. A domain is compared as a whole with what follows the one `@` of an address that
 * `judgeEmail` takes: no second `@`, no letter beyond ASCII, no subdomain. An address that the provider does not call verified is of no
 * domain.
 */
export const isMeantFor = (
  { email_domains }: Pick<Upstream, 'email_domains'>,
  { email, isEmailVerified }: Pick<UpstreamIdentity, 'email' | 'isEmailVerified'>,
): boolean => {
  if (email_domains === null) return true
  if (email === null || !isEmailVerified || judgeEmail(email) !== null) return false
  return email_domains.includes(email.slice(email.indexOf('@') + 1))
}

/** Ours – Whether the address of a new account counts as verified: the provider says so, and the operator believes it. */
export const isEmailTrusted = (
  { email_domains, trust_email }: Pick<Upstream, 'email_domains' | 'trust_email'>,
  { isEmailVerified }: Pick<UpstreamIdentity, 'isEmailVerified'>,
): boolean => isEmailVerified && (trust_email || email_domains !== null)

/** Where the sign-in at a provider begins, and its callback: each has its own, so that no code of one comes to another (RFC 9700 §4.4.2). */
export const upstreamPath = (id: string): string => `/sign-in/upstream/${id}`

/**
 * CSP Level 3, "form-action" – Where the answer to a button of the provider may lead. Chromium applies the directive to every redirect
 * after a form, those of the provider included.
 */
export const formOriginsOf = ({ issuer, form_origins }: Pick<Upstream, 'issuer' | 'form_origins'>) => [
  ...new Set([new URL(issuer).origin, ...form_origins]),
]
