import {
  type Bought,
  CODE_FAILURES_AT_MOST,
  CODE_SECONDS,
  parseCodeVerdict,
  type Redemption,
} from '../../domain/authorization/authorization-code.ts'
import { SPENT_CODE_SECONDS } from '../../domain/base/retention.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { EndReason, Family, Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { AuthorizationCodes } from '../../ports/authorization.ts'
import { writeSignInEntries } from '../families/feed-entries.ts'
import { insertedColumns, issuedAt, openedColumns, openFamily } from '../families/open-family.ts'
import type { Database } from '../postgres/index.ts'
import { personColumns } from '../schema/account-columns.ts'
import { boughtOrigin } from './bought-origin.ts'

/** The statement outlasted its caller, who has been told to try again, and may have done so. */
const LATE = 'late'
/** The code was spent by a redemption that this statement waited for: the family is of after its snapshot. */
const RACED = 'raced'

const CODE_REPLAYED: EndReason = 'code_replayed'

/** The columns of a statement that redeems a code. */
export type BoughtRow = Omit<Bought['person'], 'id'> &
  Pick<Bought, 'nonce' | 'isRefreshable'> &
  Omit<Family, 'id'> &
  Readonly<{ verdict: string; id: string | null; bought_id: string | null }>

/**
 * RFC 6749 §4.1.3 – Redeems a code. A second look is taken at a code that was spent while the first one waited for its row: what the
 * code bought was not there when that statement began. The code is spent once, so that the second look has nothing to wait for.
 */
export const createRedeemCode = (database: Database, lifetimes: Lifetimes): AuthorizationCodes['redeem'] => {
  const judge = createJudgeCode(database, lifetimes)
  return async redemption => {
    const first = await judge(redemption, { sees_all: false })
    const row = first?.verdict === RACED ? await judge(redemption, { sees_all: true }) : first
    const { user_id } = redemption
    if (row === undefined) return { verdict: 'unknown_code', user_id, family_id: null }
    if (row.verdict === LATE) throw new Unavailable('database', 1, 'judged too late')
    const verdict = parseCodeVerdict(row.verdict)
    if (verdict !== 'redeemed' && verdict !== 'repeated')
      return { verdict, user_id, family_id: row.bought_id }
    return { verdict, bought: boughtOf(row) }
  }
}

/**
 * Judges a presented code, and does what the verdict says: one statement. The rows are locked in the order in which an ending takes
 * them, the account first, and each is judged as it stands when it is locked: a password change, a withdrawal, a sign-out or another
 * redemption under way is waited for. Whatever ends the sign-ins of an account, a session or a consent holds the account's row and
 * looks for families after that: either it finds the family that is opened here, or it is seen here. Times are those of the
 * statement's beginning. `judged` is materialized, so that the update of a code that was waited for judges nothing again. One insert
 * opens a family or ends one: the row of a family that is to end conflicts with itself.
 */
const createJudgeCode =
  (database: Database, lifetimes: Lifetimes) =>
  async (
    { user_id, digest, family, source, ...presented }: Redemption,
    { sees_all }: Readonly<{ sees_all: boolean }>,
  ): Promise<BoughtRow | undefined> => {
    const [row] = await database.run(
      (sql, { seconds_left }) => sql<BoughtRow[]>`
        with account as materialized (
          select u.id, u.roles, u.credential_epoch as account_epoch, u.disabled_at, ${personColumns(sql)}
          from signet.users u
          where u.id = ${user_id}
            and exists (
              select from signet.authorization_codes c where c.user_id = u.id and c.digest = ${digest}
            )
          for share
        ),
        code as materialized (
          select c.*
          from signet.authorization_codes c
          where c.user_id = (select id from account) and c.digest = ${digest}
          for no key update
        ),
        consent as materialized (
          select k.version
          from signet.consents k
          where k.user_id = (select user_id from code) and k.client_id = (select client_id from code)
          for share
        ),
        session as materialized (
          select s.id as living_session_id
          from signet.browser_sessions s
          where s.user_id = (select user_id from code) and s.id = (select session_id from code)
          for key share
        ),
        bought as materialized (
          select f.*
          from signet.refresh_families f
          where f.id = (select family_id from code)
          for no key update
        ),
        judged as materialized (
          select code.*, case
            when clock_timestamp() > transaction_timestamp() + make_interval(secs => ${seconds_left}) then ${LATE}
            when code.client_id <> ${presented.client_id} then 'wrong_client'
            when code.redirect_uri is distinct from ${presented.redirect_uri} then 'wrong_redirect_uri'
            when code.code_challenge is distinct from ${presented.code_challenge} then 'wrong_verifier'
            when code.dpop_jkt <> coalesce(${presented.jkt}::text, '') then 'wrong_dpop_key'
            when not ${presented.resources}::text[] <@ code.audience then 'resource_exceeded'
            when code.expires_at + make_interval(secs => ${SPENT_CODE_SECONDS}) <= statement_timestamp() then 'expired'
            when code.spent_at is not null and bought.id is null and not ${sees_all}::boolean then ${RACED}
            when code.retry_proof = ${presented.retry_proof}::bytea
              and statement_timestamp() < code.spent_at + make_interval(secs => ${CODE_SECONDS})
              and bought.generation = 0
              and bought.sender_key is not distinct from ${presented.sender_key}::text
              and bought.revoked_at is null
              and least(bought.idle_expires_at, bought.expires_at) > statement_timestamp()
              and bought.credential_epoch >= account_epoch
              and disabled_at is null then 'repeated'
            when code.spent_at is not null and bought.revoked_at is null and bought.id is not null then 'replayed'
            when code.spent_at is not null then 'replayed_after_end'
            when code.failures >= ${CODE_FAILURES_AT_MOST} then 'spent_by_failures'
            when code.expires_at <= statement_timestamp() then 'expired'
            when disabled_at is not null then 'account_disabled'
            when code.credential_epoch <> account_epoch then 'epoch_passed'
            when living_session_id is null then 'session_ended'
            when code.consent_version is not null and version is distinct from code.consent_version then 'consent_withdrawn'
            else 'redeemed'
          end as verdict
          from code
          cross join account
          left join consent on true
          left join session on true
          left join bought on true
        ),
        changed as (
          update signet.authorization_codes c
          set spent_at = case verdict when 'redeemed' then statement_timestamp() end,
            retry_proof = case verdict when 'redeemed' then ${presented.retry_proof}::bytea end,
            family_id = case verdict when 'redeemed' then ${family.id}::uuid end,
            failures = c.failures + case verdict when 'redeemed' then 0 else 1 end
          from judged
          where c.user_id = judged.user_id
            and c.digest = judged.digest
            and c.spent_at is null
            and (
              judged.verdict = 'redeemed'
              or judged.verdict in ('wrong_client', 'wrong_redirect_uri', 'wrong_verifier', 'wrong_dpop_key', 'resource_exceeded')
                and judged.failures < ${CODE_FAILURES_AT_MOST}
                and judged.expires_at > statement_timestamp()
            )
        ),
        ${boughtOrigin(sql, { lifetimes, logout_notice: presented.logout_notice })},
        written as (
          ${openFamily(sql, {
            ...family,
            source,
            logout_notice: sql`logout_notice`,
            sender_key: sql`${presented.sender_key}::text`,
          })}
          union all
          select ${insertedColumns(sql)}
          from bought
          where (select verdict from judged) = 'replayed'
          on conflict (id) do update
          set revoked_at = statement_timestamp(), revoke_reason = ${CODE_REPLAYED}
          returning *
        ),
        ended as (
          select id from written where id <> ${family.id}
        ),
        ${writeSignInEntries(sql, lifetimes.access_token_seconds)},
        opened as (
          select * from written where id = ${family.id}
          union all
          select * from bought where (select verdict from judged) = 'repeated'
        )
        select
          judged.verdict, judged.family_id as bought_id, judged.nonce, judged.is_refreshable as "isRefreshable",
          origin.email, origin.email_verified_at, origin.name, origin.given_name, origin.family_name,
          origin.preferred_username, origin.picture, origin.locale, origin.zoneinfo, origin.updated_at,
          ${openedColumns(sql)}, ${issuedAt(sql, presented.client_id)} as at
        from judged
        cross join account origin
        left join opened on true`,
    )
    return row
  }

export const boughtOf = (row: Omit<BoughtRow, 'bought_id'>): Bought => {
  if (row.id === null) throw new Error('a code was redeemed without its family')
  return {
    family: familyOf(row, row.id),
    person: personOf(row),
    nonce: row.nonce,
    isRefreshable: row.isRefreshable,
  }
}

const familyOf = (row: Omit<BoughtRow, 'bought_id'>, id: string): Family => ({
  id,
  user_id: row.user_id,
  client_id: row.client_id,
  scope: row.scope,
  audience: row.audience,
  roles: row.roles,
  auth_time: row.auth_time,
  amr: row.amr,
  salt: row.salt,
  pepper_id: row.pepper_id,
  generation: row.generation,
  idle_expires_at: row.idle_expires_at,
  expires_at: row.expires_at,
  at: row.at,
})

const personOf = (row: Omit<BoughtRow, 'bought_id'>): Bought['person'] => ({
  id: row.user_id,
  email: row.email,
  email_verified_at: row.email_verified_at,
  name: row.name,
  given_name: row.given_name,
  family_name: row.family_name,
  preferred_username: row.preferred_username,
  picture: row.picture,
  locale: row.locale,
  zoneinfo: row.zoneinfo,
  updated_at: row.updated_at,
})
