import type { Fragment, ISql } from 'postgres'
import {
  DEVICE_RETRY_SECONDS,
  type DeviceRedemption,
  POLL_SECONDS,
  POLL_TOLERANCE_SECONDS,
  parseDeviceVerdict,
} from '../../domain/authorization/device-code.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { DeviceAuthorizations } from '../../ports/device-authorizations.ts'
import { isNamed } from '../accounts/names.ts'
import { writeEventsOf } from '../events/write-events.ts'
import { issuedAt, openedColumns, openFamily, signInOpened } from '../families/open-family.ts'
import type { ContendedRow, Database } from '../postgres/index.ts'
import { personColumns } from '../schema/account-columns.ts'
import { inTwoPhases, isPastDeadline } from '../schema/caller-forms.ts'
import { boughtOrigin } from './bought-origin.ts'
import type { BoughtRow } from './judge-codes.ts'
import { boughtOf } from './redeem-code.ts'

/** The statement outlasted its caller, who has been told to try again, and may have done so. */
const LATE = 'late'
/** The code was spent by a redemption that this statement waited for: the family is of after its snapshot. */
const RACED = 'raced'

export const deviceRow = (digest: Uint8Array): ContendedRow => `code:${Buffer.from(digest).toString('hex')}`

type Row = Omit<BoughtRow, 'user_id' | 'bought_id' | 'nonce'> & Readonly<{ user_id: string | null }>

/** RFC 8628 §3.4 – Redeems a device code. A second look is taken at a code that was spent while the first one waited for its row. */
export const createRedeemDeviceCode = (
  database: Database,
  lifetimes: Lifetimes,
): DeviceAuthorizations['redeem'] => {
  const judge = createJudgeDeviceCode(database, lifetimes)
  const look = async (redemption: DeviceRedemption, sees_all: boolean) =>
    judge(redemption, { person_id: await findPersonId(database, redemption), sees_all })
  return async redemption => {
    const first = await look(redemption, false)
    const row = first?.verdict === RACED ? await look(redemption, true) : first
    if (row === undefined) return { verdict: 'unknown_code', user_id: null }
    if (row.verdict === LATE) throw new Unavailable('database', 1, 'judged too late')
    const verdict = parseDeviceVerdict(row.verdict)
    const { user_id } = row
    if (verdict !== 'redeemed' && verdict !== 'repeated') return { verdict, user_id }
    if (user_id === null) throw new Error('a device code was redeemed without its person')
    return { verdict, bought: boughtOf({ ...row, user_id, nonce: null }) }
  }
}

/**
 * Judges a presented device code, and does what the verdict says: one statement. The row is found by the digest of the code alone; it names
 * the person once they have allowed it, and never another one. The account is then locked before the row, in the order in which an ending
 * takes them. A row that was allowed after this statement began counts as pending: its account is not held. On Citus a row outlives its
 * account: where the look-up has found its person and the account is gone, the code is unknown. Times are those of the statement's
 * beginning. The family has no browser session: the device goes on when its person signs out of the browser.
 */
const createJudgeDeviceCode =
  (database: Database, lifetimes: Lifetimes) =>
  async (
    { digest, family, source, ...presented }: DeviceRedemption,
    { person_id, sees_all }: Readonly<{ person_id: string | null; sees_all: boolean }>,
  ): Promise<Row | undefined> => {
    const [row] = await database.run(
      (sql, caller) => sql<Row[]>`
        with ${inTwoPhases(sql, caller)}
        account as materialized (
          select u.id, u.roles, u.credential_epoch as account_epoch, u.disabled_at, ${personColumns(sql)}
          from signet.users u
          where u.id = (select d.user_id from signet.device_authorizations d where d.digest = ${digest})
            and ${isOfPerson(sql, 'u', person_id)}
          for share
        ),
        held as materialized (
          select count(*) as accounts from account
        ),
        device as materialized (
          select d.*
          from signet.device_authorizations d
          where d.digest = ${digest} and (select accounts from held) >= 0
          for no key update
        ),
        consent as materialized (
          select k.version
          from signet.consents k
          where k.user_id = (select user_id from device)
            and k.client_id = (select client_id from device)
            and ${isOfPerson(sql, 'k', person_id)}
          for share
        ),
        bought as materialized (
          select f.*
          from signet.refresh_families f
          where f.user_id = (select user_id from device)
            and f.id = (select family_id from device)
            and ${isOfPerson(sql, 'f', person_id)}
          for no key update
        ),
        judged as materialized (
          select device.*, account.id as account_id, statement_timestamp() as judged_at, case
            when ${isPastDeadline(sql, caller)} then ${LATE}
            when device.client_id <> ${presented.client_id} then 'wrong_client'
            when device.spent_at is not null and bought.id is null and not ${sees_all}::boolean then ${RACED}
            when device.retry_proof = ${presented.retry_proof}::bytea
              and statement_timestamp() < device.spent_at + make_interval(secs => ${DEVICE_RETRY_SECONDS})
              and bought.sender_key is not distinct from ${presented.sender_key}::text
              and bought.generation = 0
              and bought.revoked_at is null
              and least(bought.idle_expires_at, bought.expires_at) > statement_timestamp()
              and bought.credential_epoch >= account_epoch
              and disabled_at is null then 'repeated'
            when device.spent_at is not null then 'spent'
            when device.expires_at <= statement_timestamp() then 'expired'
            when not device.is_allowed then 'denied'
            when not ${presented.resources}::text[] <@ device.audience then 'resource_exceeded'
            when device.is_allowed is null
              and statement_timestamp() < device.polled_at
                + make_interval(secs => device.interval_seconds - ${POLL_TOLERANCE_SECONDS}::int) then 'too_early'
            when account.id is null and device.user_id = ${person_id}::uuid then 'unknown_code'
            when device.is_allowed is null or account.id is null then 'pending'
            when disabled_at is not null then 'account_disabled'
            when device.credential_epoch <> account_epoch then 'epoch_passed'
            when device.consent_version is not null and version is distinct from device.consent_version
              then 'consent_withdrawn'
            when not ${presented.isPrepared}::boolean then 'pending'
            else 'redeemed'
          end as verdict
          from device
          left join account on true
          left join consent on true
          left join bought on true
        ),
        changed as (
          update signet.device_authorizations d
          set spent_at = case when verdict = 'redeemed' then judged_at end,
            retry_proof = case when verdict = 'redeemed' then ${presented.retry_proof}::bytea end,
            family_id = case when verdict = 'redeemed' then ${family.id}::uuid end,
            polled_at = judged_at,
            interval_seconds = d.interval_seconds + case when verdict = 'too_early' then ${POLL_SECONDS}::int else 0 end
          from judged
          where d.digest = judged.digest and judged.verdict in ('redeemed', 'pending', 'too_early')
        ),
        ${boughtOrigin(sql, {
          lifetimes,
          logout_notice: presented.logout_notice,
          session_id: sql`null::uuid`,
          user_id: sql`account_id`,
        })},
        written as (
          ${openFamily(sql, caller, {
            user_id: person_id,
            ...family,
            source,
            logout_notice: sql`logout_notice`,
            sender_key: sql`${presented.sender_key}::text`,
          })}
          returning *
        ),
        ${writeEventsOf(sql, caller, person_id, [signInOpened(sql, sql`written`)])},
        opened as (
          select * from written
          union all
          select * from bought where (select verdict from judged) = 'repeated'
        )
        select
          judged.verdict, judged.is_refreshable as "isRefreshable",
          origin.email, origin.email_verified_at, origin.name, origin.given_name, origin.family_name,
          origin.preferred_username, origin.picture, origin.locale, origin.zoneinfo, origin.updated_at,
          ${openedColumns(sql)}, judged.user_id, ${issuedAt(sql, presented.client_id)} as at
        from judged
        left join account origin on true
        left join opened on true`,
      deviceRow(digest),
    )
    return row
  }

/** `isNamed` for a table of the statement, by its alias. */
const isOfPerson = (sql: ISql, alias: 'u' | 'k' | 'f', person_id: string | null): Fragment => {
  const columns = { u: sql`u.id`, k: sql`k.user_id`, f: sql`f.user_id` }
  return isNamed(sql, columns[alias], person_id)
}

/**
 * The person who has allowed the code, for `isNamed`; NIL_UUID while the code has no person, so that it counts as pending, even if it is
 * allowed before the next statement. Null on one Postgres, without a statement: there, the judging statement itself finds the person.
 */
const findPersonId = async (
  database: Database,
  { digest }: Pick<DeviceRedemption, 'digest'>,
): Promise<string | null> => {
  if (!database.isDistributed()) return null
  const [device] = await database.run(
    sql => sql<{ user_id: string | null }[]>`
      select user_id
      from signet.device_authorizations
      where digest = ${digest}`,
  )
  return device?.user_id ?? NIL_UUID
}
