import type { FieldError } from '../base/problem.ts'

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

/** As a person types them. Empty: not filled in. */
export type ProfileFields = Readonly<Record<ProfileField, string>>

const CHARACTERS_MAX = 200
const URL_MAX_CHARACTERS = 2_048

/** Ours – The profile as it is stored, or every field that may not be so. Spaces around a value are dropped. */
export const judgeProfile = (
  fields: ProfileFields,
): Readonly<{ profile: Profile } | { errors: readonly FieldError[] }> => {
  const valueOf = (name: ProfileField): string | null => fields[name].trim().normalize('NFC') || null
  const errors = PROFILE_FIELDS.flatMap(name => {
    const value = valueOf(name)
    const detail = value === null ? null : faultOf(name, value)
    return detail === null ? [] : [{ pointer: `#/${name}`, detail }]
  })
  if (errors.length > 0) return { errors }
  return {
    profile: {
      name: valueOf('name'),
      given_name: valueOf('given_name'),
      family_name: valueOf('family_name'),
      preferred_username: valueOf('preferred_username'),
      picture: valueOf('picture'),
      locale: valueOf('locale'),
      zoneinfo: valueOf('zoneinfo'),
    },
  }
}

const faultOf = (name: ProfileField, value: string): string | null => {
  if (name === 'picture') return isPicture(value) ? null : 'must be an https URL'
  if (name === 'locale') return isLocale(value) ? null : 'must be a language tag'
  if (name === 'zoneinfo') return isTimeZone(value) ? null : 'must be a time zone'
  return value.length <= CHARACTERS_MAX && !/\p{Cc}/u.test(value) ? null : 'is too long or unreadable'
}

const isPicture = (value: string): boolean =>
  value.length <= URL_MAX_CHARACTERS && /^https:\/\/[^\s"'<>\\]+$/.test(value) && URL.canParse(value)

/** BCP 47 §2.1, as far as tags are in use. */
const isLocale = (value: string): boolean => /^[a-z]{2,3}(?:-[a-z\d]{2,8}){0,4}$/i.test(value)

const TIME_ZONES: ReadonlySet<string> = new Set(['UTC', ...Intl.supportedValuesOf('timeZone')])

const isTimeZone = (value: string): boolean => TIME_ZONES.has(value)
