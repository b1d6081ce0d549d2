import { FIRST_ROLES, judgeRoles } from '../oauth/roles.ts'
import { judgeEmail, normalizeEmail } from './account.ts'
import { judgeExternalId } from './external-id.ts'
import { faultOfDigest, type PasswordDigest, parsePasswordDigest } from './password-digest.ts'
import { EMPTY_PROFILE, judgeClaim, type Profile, type ProfileField } from './profile.ts'

/** An account as `signetd accounts export` writes it and `import` reads it: one line of JSON. */
export type AccountLine = AccountState & Profile

type AccountState = Readonly<{
  id: string
  /** Normalized. */
  email: string
  /** Null: the person has to reset the password, or the digest was not exported. */
  password_digest: PasswordDigest | null
  roles: readonly string[]
  email_verified: boolean
  disabled: boolean
  /** RFC 3339, in UTC, to the microsecond. */
  created_at: string
  /** The account's id in another system; unique. Null: it has none. */
  external_id: string | null
}>

/** Days within which an interrupted import can be resumed. */
export const IMPORT_REMEMBERED_DAYS = 7

/**
 * Why a line was refused. `field` is null when the whole line is at fault. `email_taken`, `id_taken` and
 * `external_id_taken` are judged in SQL, by store/accounts/import-batch.ts.
 */
export type LineFault = Readonly<{
  code: LineFaultCode
  field: string | null
  /** The rule that the field breaks. It quotes nothing of the value, which may be secret. */
  detail?: string
}>
export type LineFaultCode =
  | 'line_too_long'
  | 'utf8_invalid'
  | 'json_invalid'
  | 'csv_invalid'
  | 'field_unknown'
  | 'field_missing'
  | 'field_invalid'
  /** A role that administers this server, where the import may not give it. */
  | 'role_administrative'
  /** A record of a provider that stands for no account. */
  | 'not_imported'
  | 'email_repeated'
  | 'id_repeated'
  | 'external_id_repeated'
  | 'email_taken'
  | 'id_taken'
  | 'external_id_taken'

type Standard = Readonly<{ id: string; created_at: string }>
type Reading = Readonly<{ account: AccountLine } | { faults: readonly LineFault[] }>

/** RFC 9562 §4 – A UUID of any version. The nil and the max UUID have none and name no account. */
const UUID = /^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/
/** RFC 3339 §5.6, in UTC. From 1970 on. */
const INSTANT = /^(?:19[7-9]|2\d\d)\d-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z$/
const DIGEST_MAX_CHARACTERS = 1024
/** A field name that a report may repeat: printable ASCII, which no terminal interprets. */
export const isReportable = (name: unknown): name is string =>
  typeof name === 'string' && /^[\x20-\x7e]{1,64}$/.test(name)

/** The parser of a claim of the profile, which an export writes as null when it is not filled in. */
const claimOf = (name: ProfileField) => (value: unknown) => {
  if (value === null) return null
  if (typeof value !== 'string') return undefined
  const { claim, fault } = judgeClaim(name, value)
  return fault === null ? claim : undefined
}

/** The parser of each field: the value to keep, or undefined for a value that the field may not have. */
const FIELDS = {
  id: value =>
    typeof value === 'string' && UUID.test(value.toLowerCase()) ? value.toLowerCase() : undefined,
  email: value => {
    const email = typeof value === 'string' ? normalizeEmail(value) : ''
    return judgeEmail(email) === null ? email : undefined
  },
  password_digest: value => {
    if (value === null) return null
    const isKnown =
      typeof value === 'string' &&
      value.length <= DIGEST_MAX_CHARACTERS &&
      parsePasswordDigest(value) !== null
    return isKnown ? value : undefined
  },
  roles: value => {
    const isList = Array.isArray(value) && value.every(role => typeof role === 'string')
    return isList && judgeRoles(value) === null ? [...new Set(value)] : undefined
  },
  email_verified: value => (typeof value === 'boolean' ? value : undefined),
  disabled: value => (typeof value === 'boolean' ? value : undefined),
  created_at: value => (typeof value === 'string' && isInstant(value) ? value : undefined),
  external_id: value =>
    value === null || (typeof value === 'string' && judgeExternalId(value) === null) ? value : undefined,
  name: claimOf('name'),
  given_name: claimOf('given_name'),
  family_name: claimOf('family_name'),
  preferred_username: claimOf('preferred_username'),
  picture: claimOf('picture'),
  locale: claimOf('locale'),
  zoneinfo: claimOf('zoneinfo'),
} as const satisfies Record<keyof AccountLine, (value: unknown) => unknown>

/** The comparison finds days that the calendar lacks: Date moves them on, and the database would refuse them. */
const isInstant = (text: string): boolean => {
  const date = new Date(text)
  const isDate = INSTANT.test(text) && !Number.isNaN(date.getTime())
  return isDate && date.toISOString().slice(0, 19) === text.slice(0, 19)
}

/** Ours – Reads a line of an import and reports every fault at once. `standard` has the values of fields that the line leaves out. */
export const parseAccountLine = (text: string, standard: Standard): Reading => {
  const given = parseObject(text)
  if (given === null) return { faults: [{ code: 'json_invalid', field: null }] }
  return readAccountMembers(given, standard)
}

/** The same of a line that has been parsed. */
export const readAccountMembers = (given: object, standard: Standard): Reading => {
  const faults: LineFault[] = []
  const values: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(given)) {
    const parsed = isField(field) ? FIELDS[field](value) : undefined
    const code = isField(field) ? 'field_invalid' : 'field_unknown'
    if (parsed === undefined)
      faults.push({ code, field: isReportable(field) ? field : null, ...detailOf(field, value) })
    else values[field] = parsed
  }
  if (!Object.hasOwn(given, 'email')) faults.push({ code: 'field_missing', field: 'email' })
  return faults.length > 0 ? { faults } : { account: { ...STANDARD, ...standard, ...values } as AccountLine }
}

const STANDARD = {
  ...EMPTY_PROFILE,
  password_digest: null,
  roles: FIRST_ROLES,
  email_verified: false,
  disabled: false,
  external_id: null,
}

const detailOf = (field: string, value: unknown) =>
  field === 'password_digest' && typeof value === 'string' ? { detail: faultOfDigest(value) } : {}

const isField = (name: string): name is keyof AccountLine => Object.hasOwn(FIELDS, name)

const parseObject = (text: string): object | null => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** A line of an export. The digest is left out unless it was asked for: a holder of the digest can guess the password offline. */
export const presentAccountLine = (
  { password_digest, ...account }: AccountLine,
  { withDigest }: { withDigest: boolean },
) => (withDigest ? { ...account, password_digest } : account)
