import {
  type ConvertRecord,
  disabledOf,
  flagOf,
  given,
  instantOf,
  isRecord,
  listOf,
  memberTextOf,
  profileClaimsOf,
  recordOf,
  rolesOf,
  type SourceRecord,
} from './source-record.ts'

/** Auth0, "Bulk User Exports" and the export of password hashes – A line of either, or of both of them joined. */
export const convertAuth0: ConvertRecord = record => {
  const password_digest = digestIn(record)
  if (password_digest === undefined)
    return {
      faults: [
        {
          code: 'field_invalid',
          field: 'custom_password_hash',
          detail: 'is of no kind that Signet verifies',
        },
      ],
    }
  const claims = profileClaimsOf({
    name: { field: 'name', value: record['name'] },
    given_name: { field: 'given_name', value: record['given_name'] },
    family_name: { field: 'family_name', value: record['family_name'] },
    preferred_username: { field: 'username', value: record['username'] ?? record['nickname'] },
    picture: { field: 'picture', value: record['picture'] },
    locale: { field: 'locale', value: record['locale'] },
  })
  const metadata = recordOf(record['app_metadata'])
  const roles = rolesOf(
    'app_metadata.roles',
    metadata['roles'] ?? recordOf(metadata['authorization'])['roles'],
  )
  const hasFactors = listOf(record['multifactor']).length > 0 || listOf(record['mfa_factors']).length > 0
  return {
    line: given({
      ...claims.line,
      ...roles.line,
      external_id: idIn(record),
      email: memberTextOf(record['email']),
      email_verified: flagOf(record['email_verified']),
      disabled: disabledOf(record['blocked'], true),
      created_at: instantOf(dateIn(record['created_at'])),
      password_digest,
    }),
    left_out: [...claims.left_out, ...roles.left_out, ...(hasFactors ? ['multifactor'] : [])],
  }
}

/** `user_id` as tokens had it; the export of passwords has the part behind the connection's name. */
const idIn = ({ user_id, _id }: SourceRecord): string | null => {
  const id = memberTextOf(isRecord(_id) ? _id['$oid'] : _id)
  return memberTextOf(user_id) ?? (id === null ? null : `auth0|${id}`)
}

const dateIn = (value: unknown): unknown => (isRecord(value) ? value['$date'] : value)

/** Null without a password; undefined for a kind that Signet does not verify. */
const digestIn = (record: SourceRecord): string | null | undefined => {
  const { custom_password_hash: custom } = record
  if (!isRecord(custom)) return memberTextOf(record['passwordHash'] ?? record['password_hash'])
  const { algorithm } = custom
  const value = memberTextOf(recordOf(custom['hash'])['value'])
  return algorithm === 'bcrypt' || algorithm === 'argon2' || algorithm === 'pbkdf2'
    ? (value ?? undefined)
    : undefined
}
