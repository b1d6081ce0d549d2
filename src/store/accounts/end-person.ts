import type { Fragment, ISql } from 'postgres'
import type { NameKind } from '../../domain/account/account-name.ts'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'
import type { EndedPerson } from '../../ports/revocations.ts'
import { type EventRows, signInsEnded, writeEventsOf } from '../events/write-events.ts'
import { endFamilies, foundCount, onHeldAccount } from '../families/end-families.ts'
import { endedColumns, writePersonEntries } from '../families/feed-entries.ts'
import { goOnEnding } from '../families/unfinished-endings.ts'
import type { Database } from '../postgres/index.ts'
import { isOfAccount, isOfVersion } from '../schema/account-columns.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { deleteNames } from './names.ts'

type Ending = Readonly<{
  id: string
  reason: EndReason
  /** Further changes of the same statement. */
  isDisabled?: true
  withoutFactors?: true
  roles?: readonly string[]
  /** The account must have one of these; null where the version does not matter. */
  versions?: readonly string[] | null
  access_token_seconds: number
}>

/** Ours – Ends every sign-in, access token and mailed link of an account. Null when there is no such account. */
export const endPerson = async (database: Database, ending: Ending): Promise<EndedPerson | null> => {
  const { id, reason, isDisabled, withoutFactors, roles, versions = null, access_token_seconds } = ending
  const [row] = await onHeldAccount(
    database,
    id,
    (sql, caller) => sql<(EndedPerson & { found: number })[]>`
      with ${inTwoPhases(sql, caller)}
      former as materialized (
        select u.id, u.roles, u.disabled_at, coalesce(u.disabled_at, statement_timestamp()) as disabled_by_now
        from signet.users u
        where u.id = ${id} and ${isOfVersion(sql, versions)}
        for no key update
      ),
      account as (
        update signet.users u
        set credential_epoch = u.credential_epoch + 1,
          epoch_raised_at = statement_timestamp(),
          device_epoch = u.device_epoch + 1,
          disabled_at = case when ${isDisabled ?? false}::boolean then former.disabled_by_now else u.disabled_at end,
          roles = coalesce(${roles ?? null}::text[], u.roles)
        from former
        where u.id = ${id} and u.id = former.id
        returning u.id, u.credential_epoch, u.roles
      ),
      links as (
        delete from signet.email_links l using account where ${isOfAccount(sql, sql`l.user_id`, id)}
      ),
      ${deleteNames(sql, caller, { from: sql`account`, condition: isRemoved(sql, ending) })}
      ${withoutFactors ? sql`${removeFactors(sql, id)},` : sql``}
      ${endFamilies(sql, caller, { reason, user_id: id })},
      ${writePersonEntries(sql, { value: id, access_token_seconds })},
      ${writeEventsOf(sql, caller, id, [changeOf(sql, ending), signInsEnded(sql, reason)])}
      select ${endedColumns(sql)}, array(select id::text from ended) as families, ${foundCount(sql)} as found
      from own_entry`,
  )
  if (row === undefined) return null
  const { found, ...end } = row
  await goOnEnding(database, { user_id: id, found, access_token_seconds })
  return end
}

/** On `account_names n` and `account`: true for the names of what the statement removes. */
const isRemoved = (sql: ISql, { withoutFactors }: Ending): Fragment => {
  const kinds: readonly NameKind[] = withoutFactors ? ['link', 'passkey'] : ['link']
  return sql`n.user_id = account.id and n.kind = any(${kinds}::text[])`
}

/** The event of the change that ends the sign-ins of the CTE `account (id, roles)`. The CTE `former` is the account before the change. */
const changeOf = (sql: ISql, { reason, isDisabled, withoutFactors, roles }: Ending): EventRows => {
  const ofAccount = { from: sql`account`, user_id: sql`account.id` }
  if (isDisabled)
    return {
      ...ofAccount,
      kind: 'account.disabled',
      from: sql`account join former on former.id = account.id and former.disabled_at is null`,
    }
  if (withoutFactors) return { ...ofAccount, kind: 'factor.all_removed' }
  if (roles) return rolesChanged(sql, sql`former`)
  return { ...ofAccount, kind: 'account.everything_revoked', reason }
}

/** The event of the CTE `account (id, roles)`, against the account's row of before the change. */
export const rolesChanged = (sql: ISql, former: Fragment): EventRows => ({
  kind: 'account.roles_changed',
  from: sql`account join ${former} on former.id = account.id and former.roles is distinct from account.roles`,
  user_id: sql`account.id`,
  details: sql`jsonb_build_object('from', former.roles, 'to', account.roles)`,
})

/** A CTE that unlinks every identity of the CTE `account (id)`, whose id the caller knows. */
export const removeIdentities = (sql: ISql, id: string): Fragment => sql`
  identities as (
    delete from signet.upstream_identities i using account where ${isOfAccount(sql, sql`i.user_id`, id)}
  )`

/** CTEs that delete every second factor and the recovery codes of the CTE `account (id)`, whose id the caller knows. */
export const removeFactors = (sql: ISql, id: string): Fragment => sql`
  totp as (
    delete from signet.totp_factors t using account where ${isOfAccount(sql, sql`t.user_id`, id)}
  ),
  keys as (
    delete from signet.passkeys p using account where ${isOfAccount(sql, sql`p.user_id`, id)}
  ),
  codes as (
    delete from signet.recovery_codes r using account where ${isOfAccount(sql, sql`r.user_id`, id)}
  )`
