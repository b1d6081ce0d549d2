import {
  type ConvertRecord,
  flagOf,
  given,
  idsOf,
  instantOf,
  memberTextOf,
  parsedRecordOf,
  profileClaimsOf,
  rolesOf,
} from './source-record.ts'

/** Supabase, the table auth.users – A row as CSV or JSON. Its id is a UUID and stays the `sub`. */
export const convertSupabase: ConvertRecord = record => {
  const metadata = parsedRecordOf(record['raw_user_meta_data'])
  const claims = profileClaimsOf({
    name: { field: 'raw_user_meta_data.name', value: metadata['full_name'] ?? metadata['name'] },
    preferred_username: { field: 'raw_user_meta_data.user_name', value: metadata['user_name'] },
    picture: { field: 'raw_user_meta_data.avatar_url', value: metadata['avatar_url'] },
  })
  const roles = rolesOf('raw_app_meta_data.roles', parsedRecordOf(record['raw_app_meta_data'])['roles'])
  if (memberTextOf(record['deleted_at']) !== null || flagOf(record['is_anonymous']) === true)
    return {
      faults: [
        {
          code: 'not_imported',
          field: 'deleted_at',
          detail: 'is the row of a deleted or an anonymous account',
        },
      ],
    }
  return {
    line: given({
      ...idsOf(record['id']),
      ...claims.line,
      ...roles.line,
      email: memberTextOf(record['email']),
      // A tool may write the text NULL for a column that has nothing: an account is not confirmed by it.
      email_verified: instantOf(record['email_confirmed_at']) !== null,
      // Also where Date does not read it: 'infinity'.
      disabled: memberTextOf(record['banned_until']) !== null,
      created_at: instantOf(record['created_at']),
      password_digest: memberTextOf(record['encrypted_password']),
    }),
    left_out: [...claims.left_out, ...roles.left_out],
  }
}
