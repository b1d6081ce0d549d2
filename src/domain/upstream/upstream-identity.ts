import { z } from 'zod'
import { judgeEmail, normalizeEmail } from '../account/account.ts'
import { judgeClaim, PROFILE_FIELDS, type ProfileChange } from '../account/profile.ts'
import type { Upstream, UpstreamClaim, UpstreamIdentity } from './upstream.ts'

type Claims = Readonly<Record<string, unknown>>

/**
 * OpenID Connect Core §5.1, §5.7 – The identity of the claims of a provider. A claim that could not be one here is left out. Only the value
 * `true` says that an address is verified.
 */
export const identityOf = (
  { issuer, claims: names }: Pick<Upstream, 'issuer' | 'claims'>,
  subject: string,
  claims: Claims,
): UpstreamIdentity => {
  const valueOf = (name: UpstreamClaim): unknown => {
    const own = names[name]
    return own !== null && Object.hasOwn(claims, own) ? claims[own] : undefined
  }
  return {
    issuer,
    subject,
    email: emailOf(valueOf('email')),
    isEmailVerified: valueOf('email_verified') === true,
    profile: profileOf(valueOf),
  }
}

/**
 * OpenID Connect Core §5.3.2 – The claims of an ID token and of the userinfo endpoint, of which the ID token is signed and goes first. The
 * word of one that an address is verified says nothing about another address of the other one.
 */
export const claimsOfBoth = (
  { claims: { email, email_verified } }: Pick<Upstream, 'claims'>,
  { id_token, userinfo }: Readonly<{ id_token: Claims; userinfo: Claims }>,
): Claims => {
  const isOtherAddress =
    email !== null && id_token[email] !== undefined && id_token[email] !== userinfo[email]
  const isUsable = ([name]: readonly [string, unknown]) => !(isOtherAddress && name === email_verified)
  return { ...Object.fromEntries(Object.entries(userinfo).filter(isUsable)), ...id_token }
}

const emailOf = (given: unknown): string | null => {
  // Normalization would make one address of two: the look-alikes of ASCII letters.
  if (typeof given !== 'string' || !/^[\x21-\x7e]+$/.test(given)) return null
  const email = normalizeEmail(given)
  return judgeEmail(email) === null ? email : null
}

const profileOf = (valueOf: (name: UpstreamClaim) => unknown): ProfileChange => {
  let profile: ProfileChange = {}
  for (const name of PROFILE_FIELDS) {
    const given = valueOf(name)
    if (typeof given !== 'string') continue
    const { claim, fault } = judgeClaim(name, given)
    if (claim !== null && fault === null) profile = { ...profile, [name]: claim }
  }
  return profile
}

const GITHUB_USER = z.object({
  id: z.int().positive(),
  login: z.string().optional(),
  name: z.string().nullish(),
  avatar_url: z.string().nullish(),
})

const GITHUB_EMAILS = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }))

type GithubAnswers = Readonly<{ user: unknown; emails: unknown }>

/** GitHub REST API, "Users" and "Emails" – The numeric id is the subject: a login may be given to another person. Null for another answer. */
export const githubIdentityOf = (
  upstream: Pick<Upstream, 'issuer' | 'claims'>,
  { user, emails }: GithubAnswers,
): UpstreamIdentity | null => {
  const person = GITHUB_USER.safeParse(user)
  if (!person.success) return null
  const { id, login, name, avatar_url } = person.data
  const primary = GITHUB_EMAILS.safeParse(emails).data?.find(each => each.primary)
  const claims = {
    name: name ?? login,
    preferred_username: login,
    picture: avatar_url,
    ...(primary === undefined ? {} : { email: primary.email, email_verified: primary.verified }),
  }
  return identityOf(upstream, String(id), claims)
}
