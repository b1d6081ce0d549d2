import type { LineFault } from '../account/account-line.ts'
import { judgeClaim, PROFILE_FIELDS, type ProfileField } from '../account/profile.ts'
import { judgeRoles } from '../oauth/roles.ts'

/** A record of a provider's export, parsed from JSON or from a row of CSV. */
export type SourceRecord = Readonly<Record<string, unknown>>

/** RFC 6238 – SHA-1, six digits, thirty seconds. `field` is where the record has it. */
export type ImportedTotp = Readonly<{ secret: Uint8Array; field: string }>

/** Bytes of a secret: ten are the least that providers make. */
const TOTP_BYTES = { least: 10, most: 128 }

/** Null for a secret that no authenticator application has. */
export const totpOf = (secret: Uint8Array | null, field: string): ImportedTotp | null =>
  secret !== null && secret.length >= TOTP_BYTES.least && secret.length <= TOTP_BYTES.most
    ? { secret, field }
    : null

/**
 * What a record comes to. `line` has the members of an import's line, which are judged as such; `left_out` names the fields of the record
 * that no account can have, without which the account is imported.
 */
export type Converted = Readonly<
  | {
      line: Readonly<Record<string, unknown>>
      left_out: readonly string[]
      /** Of an authenticator application of the kind that Signet checks. */
      totp?: ImportedTotp | null
    }
  | { faults: readonly LineFault[] }
>

export type ConvertRecord = (record: SourceRecord) => Converted

export const isRecord = (value: unknown): value is SourceRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The text of a member; null when it is absent, null, empty, or no text. */
export const memberTextOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null

export const recordOf = (value: unknown): SourceRecord => (isRecord(value) ? value : {})

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** A member that is an object, or the JSON of one, as databases and CSV have it. */
export const parsedRecordOf = (value: unknown): SourceRecord => {
  if (typeof value !== 'string') return recordOf(value)
  try {
    return recordOf(JSON.parse(value))
  } catch {
    return {}
  }
}

/** True and false as JSON, Postgres and CSV write them. Null for anything else. */
export const flagOf = (value: unknown): boolean | null => {
  if (typeof value === 'boolean') return value
  if (value === 'true' || value === 't' || value === 'TRUE') return true
  return value === 'false' || value === 'f' || value === 'FALSE' ? false : null
}

/**
 * Ours – The member `disabled` of a line; `closing` is the value of the flag for a closed account. A flag that cannot be read refuses the
 * line: an account that its provider has closed must not be open here.
 */
export const disabledOf = (value: unknown, closing: boolean): boolean | string | null => {
  if (value === undefined || value === null || value === '') return null
  const flag = flagOf(value)
  return flag === null ? 'no flag' : flag === closing
}

/** The instant of a text that Date reads, of Postgres' form, or of milliseconds, in RFC 3339. Null for anything else. */
export const instantOf = (value: unknown): string | null => {
  const isCount = typeof value === 'number' || (typeof value === 'string' && /^\d{10,14}$/.test(value))
  const text =
    typeof value === 'string'
      ? value.replace(/^(\d{4}-\d\d-\d\d) /, '$1T').replace(/([+-]\d\d)$/, '$1:00')
      : ''
  const date = new Date(isCount ? Number(value) : text)
  return Number.isNaN(date.getTime()) || date.getTime() < 0 ? null : date.toISOString()
}

type Claims = Readonly<Partial<Record<ProfileField, { field: string; value: unknown }>>>

/** The claims that a profile may have. Another one is left out: its person can fill it in, and keeps the account. */
export const profileClaimsOf = (given: Claims) => {
  const line: Record<string, string> = {}
  const left_out: string[] = []
  for (const name of PROFILE_FIELDS) {
    const text = memberTextOf(given[name]?.value)
    if (text === null) continue
    const { claim, fault } = judgeClaim(name, text)
    if (fault === null && claim !== null) line[name] = claim
    else if (fault !== null) left_out.push(given[name]?.field ?? name)
  }
  return { line, left_out }
}

/** The roles that an account may have; the others are left out. Without any, the account has the roles of a new one. */
export const rolesOf = (field: string, value: unknown) => {
  const given = listOf(value)
  const roles = given.filter(role => typeof role === 'string' && judgeRoles([role]) === null)
  const fitting = roles.slice(0, 32)
  return {
    line: fitting.length === 0 ? {} : { roles: fitting },
    left_out: fitting.length < given.length ? [field] : [],
  }
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/i

/** The id of the provider, by which its other systems know the account. An id that is a UUID stays the `sub` of tokens. */
export const idsOf = (id: unknown) => {
  const text = memberTextOf(id)
  if (text === null) return {}
  return UUID.test(text) ? { id: text.toLowerCase(), external_id: text } : { external_id: text }
}

/** Leaves out what is null, so that the account has the default. */
export const given = (members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null))
