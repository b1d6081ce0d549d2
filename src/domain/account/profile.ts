import type { FieldError } from '../refusals/problem.ts'
import { type OwnAccount, presentAccount } from './account.ts'

/** OpenID Connect Core §5.1 – The standard claims that people fill in themselves. Null: not filled in. */
export type Profile = Readonly<{
  name: string | null
  given_name: string | null
  family_name: string | null
  preferred_username: string | null
  /** An https URL. */
  picture: string | null
  /** BCP 47, such as `de-CH`. */
  locale: string | null
  /** A name of the time zone database, such as `Europe/Berlin`. */
  zoneinfo: string | null
}>

/** A person as an application may be told of them, within the scopes that were granted. `id` is `sub` on the wire. */
export type Person = Profile &
  Readonly<{
    id: string
    email: string
    email_verified_at: Date | null
    /** When a claim of the profile was changed last. */
    updated_at: Date
  }>

/** The names of the claims of a profile, in the order of a form. */
export const PROFILE_FIELDS = [
  'name',
  'given_name',
  'family_name',
  'preferred_username',
  'picture',
  'locale',
  'zoneinfo',
] as const satisfies readonly (keyof Profile)[]

export type ProfileField = (typeof PROFILE_FIELDS)[number]

/**
 * Ours (docs/decisions/0029): what the account API shows a person of their own account. Claims that are not filled in are left out, as at
 * /userinfo, and `updated_at` with them while there is none.
 */
export const presentOwnAccount = (account: OwnAccount, person: Profile & Pick<Person, 'updated_at'>) => {
  const claims = PROFILE_FIELDS.flatMap(name =>
    person[name] === null ? [] : [[name, person[name]] as const],
  )
  const updated = claims.length === 0 ? {} : { updated_at: person.updated_at.toISOString() }
  return { ...presentAccount(account), ...Object.fromEntries(claims), ...updated }
}

/** As a person types them. Empty: not filled in. */
export type ProfileFields = Readonly<Record<ProfileField, string>>

/** The same where claims may be left out. */
export type GivenProfile = Readonly<{ [F in ProfileField]?: string | undefined }>

/** The claims to change; the others stay. */
export type ProfileChange = Readonly<Partial<Profile>>

/** A profile of which nothing is filled in. */
export const EMPTY_PROFILE: Profile = {
  name: null,
  given_name: null,
  family_name: null,
  preferred_username: null,
  picture: null,
  locale: null,
  zoneinfo: null,
}

const CHARACTERS_MAX = 200
const URL_MAX_CHARACTERS = 2_048

/** Ours – The given claims as they are stored, or every field that may not be so. Spaces around a value are dropped. */
export const judgeProfile = (
  fields: GivenProfile,
): Readonly<{ change: ProfileChange } | { errors: readonly FieldError[] }> => {
  let change: ProfileChange = {}
  const errors: FieldError[] = []
  for (const name of PROFILE_FIELDS) {
    const given = fields[name]
    if (given === undefined) continue
    const { claim, fault } = judgeClaim(name, given)
    change = { ...change, [name]: claim }
    if (fault !== null) errors.push({ pointer: `#/${name}`, detail: fault })
  }
  return errors.length > 0 ? { errors } : { change }
}

/** Ours – One claim as it is stored, and what is wrong with it. */
export const judgeClaim = (
  name: ProfileField,
  given: string,
): Readonly<{ claim: string | null; fault: string | null }> => {
  const claim = given.trim().normalize('NFC') || null
  return { claim, fault: claim === null ? null : faultOf(name, claim) }
}

const faultOf = (name: ProfileField, value: string): string | null => {
  if (name === 'picture') return isPicture(value) ? null : 'must be an https URL'
  if (name === 'locale') return isLocale(value) ? null : 'must be a language tag'
  if (name === 'zoneinfo') return isTimeZone(value) ? null : 'must be a time zone'
  return value.length <= CHARACTERS_MAX && !UNREADABLE.test(value) ? null : 'is too long or unreadable'
}

/** Control characters, and halves of a character, which UTF-8 has no form for. */
const UNREADABLE = /[\p{Cc}\p{Cs}]/u

const isPicture = (value: string): boolean =>
  value.length <= URL_MAX_CHARACTERS && /^https:\/\/[^\s"'<>\\\p{Cs}]+$/u.test(value) && URL.canParse(value)

/** BCP 47 §2.1, as far as tags are in use. */
const isLocale = (value: string): boolean => /^[a-z]{2,3}(?:-[a-z\d]{2,8}){0,4}$/i.test(value)

const TIME_ZONES: ReadonlySet<string> = new Set(['UTC', ...Intl.supportedValuesOf('timeZone')])

const isTimeZone = (value: string): boolean => TIME_ZONES.has(value)
