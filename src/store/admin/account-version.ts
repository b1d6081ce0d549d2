import type { Fragment, ISql } from 'postgres'

/**
 * Ours – The version of `users u`: a digest of every column that administrators change. It is compared in the statement that makes the
 * change, so that of two administrators who have seen one version, one succeeds.
 */
export const accountVersion = (sql: ISql): Fragment => sql`
  encode(
    substring(
      sha256(
        convert_to(
          jsonb_build_array(
            u.email, extract(epoch from u.email_verified_at), u.roles, extract(epoch from u.disabled_at), u.external_id, u.name, u.given_name, u.family_name,
            u.preferred_username, u.picture, u.locale, u.zoneinfo
          )::text,
          'UTF8'
        )
      )
      from 1 for 16
    ),
    'hex'
  )`
