import { bytesOfBase32 } from '../factors/base32.ts'
import {
  type ConvertRecord,
  disabledOf,
  given,
  instantOf,
  listOf,
  memberTextOf,
  profileClaimsOf,
  totpOf,
} from './source-record.ts'

/** Clerk, the CSV of "Export users" in its dashboard, or the JSON of its support – An account of an instance. */
export const convertClerk: ConvertRecord = record => {
  const claims = profileClaimsOf({
    given_name: { field: 'first_name', value: record['first_name'] },
    family_name: { field: 'last_name', value: record['last_name'] },
    preferred_username: { field: 'username', value: record['username'] },
    picture: { field: 'image_url', value: record['image_url'] },
  })
  const secret = memberTextOf(record['totp_secret'])
  const totp = totpOf(secret === null ? null : bytesOfBase32(secret), 'totp_secret')
  const email = memberTextOf(record['primary_email_address'])
  return {
    line: given({
      ...claims.line,
      external_id: memberTextOf(record['id']),
      email,
      email_verified: email !== null && addressesOf(record['verified_email_addresses']).includes(email),
      disabled: disabledOf(record['banned'], true),
      created_at: instantOf(record['created_at']),
      password_digest: memberTextOf(record['password_digest']),
    }),
    left_out: [...claims.left_out, ...(secret !== null && totp === null ? ['totp_secret'] : [])],
    totp,
  }
}

/** A list, or one in a field of CSV. */
const addressesOf = (value: unknown): readonly unknown[] =>
  typeof value === 'string' ? value.split(/[\s,;|]+/) : listOf(value)
