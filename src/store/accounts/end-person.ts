import type { RevokeReason } from '../../domain/sign-in/refresh-family.ts'
import type { EndedPerson } from '../../ports/revocations.ts'
import {
  announceUntilNow,
  endedColumns,
  endFamilies,
  foundCount,
  onHeldAccount,
} from '../families/end-families.ts'
import { goOnEnding } from '../families/unfinished-endings.ts'
import type { Database } from '../postgres/database.ts'

type Ending = Readonly<{
  id: string
  reason: RevokeReason
  /** What changes beside, in the same statement. */
  isDisabled?: true
  withoutFactors?: true
  roles?: readonly string[]
  access_token_seconds: number
}>

/** Ours – Ends everything of a person. Null when there is no such person. */
export const endPerson = async (
  database: Database,
  { id, reason, isDisabled, withoutFactors, roles, access_token_seconds }: Ending,
): Promise<EndedPerson | null> => {
  const [row] = await onHeldAccount(
    database,
    id,
    sql => sql<(EndedPerson & { found: number })[]>`
      with account as (
        update signet.users
        set credential_epoch = credential_epoch + 1,
          device_epoch = device_epoch + 1,
          disabled_at = case when ${isDisabled ?? false}::boolean
            then coalesce(disabled_at, statement_timestamp()) else disabled_at end,
          roles = coalesce(${roles ?? null}::text[], roles)
        where id = ${id}
        returning id
      ),
      links as (
        delete from signet.email_links l using account where l.user_id = account.id
      ),
      totp as (
        delete from signet.totp_factors t using account where t.user_id = account.id and ${withoutFactors ?? false}::boolean
      ),
      keys as (
        delete from signet.passkeys p using account where p.user_id = account.id and ${withoutFactors ?? false}::boolean
      ),
      codes as (
        delete from signet.recovery_codes r using account where r.user_id = account.id and ${withoutFactors ?? false}::boolean
      ),
      ${endFamilies(sql, { reason, access_token_seconds })},
      counted as materialized (
        select count(ended.id)::int as families
        from account
        left join ended on true
        group by account.id
      ),
      ${announceUntilNow(sql, { kind: 'sub', value: id, access_token_seconds })}
      select ${endedColumns(sql)}, array(select id::text from ended) as families, ${foundCount(sql)} as found
      from announced`,
  )
  if (row === undefined) return null
  const { found, ...end } = row
  await goOnEnding(database, { user_id: id, found, access_token_seconds })
  return end
}
