import {
  type ConvertRecord,
  disabledOf,
  flagOf,
  given,
  idsOf,
  instantOf,
  isRecord,
  listOf,
  memberTextOf,
  profileClaimsOf,
  type SourceRecord,
} from './source-record.ts'

/**
 * Amazon Cognito, ListUsers, or the CSV of its user import – An account of a user pool. There is no digest in either: PASSWORD_HOOK_URL asks
 * the pool for the password.
 */
export const convertCognito: ConvertRecord = record => {
  const attributes = attributesOf(record)
  const claims = profileClaimsOf({
    name: { field: 'name', value: attributes['name'] },
    given_name: { field: 'given_name', value: attributes['given_name'] },
    family_name: { field: 'family_name', value: attributes['family_name'] },
    preferred_username: { field: 'preferred_username', value: attributes['preferred_username'] },
    picture: { field: 'picture', value: attributes['picture'] },
    locale: { field: 'locale', value: attributes['locale'] },
    zoneinfo: { field: 'zoneinfo', value: attributes['zoneinfo'] },
  })
  const username = memberTextOf(record['Username']) ?? memberTextOf(record['cognito:username'])
  const hasFactors = listOf(record['MFAOptions']).length > 0 || flagOf(record['cognito:mfa_enabled']) === true
  return {
    line: given({
      ...idsOf(attributes['sub']),
      ...claims.line,
      ...(username === null ? {} : { external_id: username }),
      email: memberTextOf(attributes['email']),
      email_verified: flagOf(attributes['email_verified']),
      disabled: disabledOf(record['Enabled'], false),
      created_at: instantOf(dateOf(record['UserCreateDate'])),
    }),
    left_out: [...claims.left_out, ...(hasFactors ? ['MFAOptions'] : [])],
  }
}

const attributesOf = (record: SourceRecord): SourceRecord =>
  Array.isArray(record['Attributes'])
    ? Object.fromEntries(
        record['Attributes'].flatMap(each =>
          isRecord(each) && typeof each['Name'] === 'string' ? [[each['Name'], each['Value']] as const] : [],
        ),
      )
    : record

/** Version 1 of the AWS command line writes seconds with a fraction. */
const dateOf = (value: unknown): unknown => (typeof value === 'number' ? Math.round(value * 1000) : value)
