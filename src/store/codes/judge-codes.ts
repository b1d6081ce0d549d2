import type { Fragment, ISql } from 'postgres'
import {
  type Bought,
  CODE_FAILURES_AT_MOST,
  CODE_SECONDS,
  type Redemption,
} from '../../domain/authorization/authorization-code.ts'
import { SPENT_CODE_SECONDS } from '../../domain/base/retention.ts'
import { OWN_ORIGIN } from '../../domain/events/event.ts'
import type { EndReason, Family, Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import { type EventRows, presentedBy, writeEventsOf } from '../events/write-events.ts'
import { writeSignInEntries } from '../families/feed-entries.ts'
import { issuedAt, openAndEndFamilies, openedColumns, signInOpened } from '../families/open-family.ts'
import { byteaText, type Database } from '../postgres/index.ts'
import { personColumns } from '../schema/account-columns.ts'
import { inTwoPhases, isPastDeadline } from '../schema/caller-forms.ts'
import { boughtOrigin } from './bought-origin.ts'

/** The statement outlasted its caller, who has been told to try again, and may have done so. */
export const LATE = 'late'
/** What the code bought is not seen: the family is of after the snapshot, or its row is held by another transaction. */
export const RACED = 'raced'

const CODE_REPLAYED: EndReason = 'code_replayed'

/** The columns of a statement that redeems codes. */
export type BoughtRow = Omit<Bought['person'], 'id'> &
  Pick<Bought, 'nonce' | 'isRefreshable'> &
  Omit<Family, 'id'> &
  Readonly<{ verdict: string; id: string | null; bought_id: string | null }>

/** `new_id` is the family of the redemption that the row belongs to, whether it was opened or not. */
export type JudgedCode = BoughtRow & Readonly<{ new_id: string }>

/**
 * Judges presented codes, each another one, and does what the verdicts say: one statement. Returns a row for each code that exists; unless
 * the statement `waits`, rows that another transaction holds are skipped: without its account or its own row a code is left out, without its
 * session, its consent or what it bought its verdict can be `session_ended`, `consent_withdrawn` or RACED, which change nothing.
 *
 * The rows are locked in the order in which an ending takes them, the account first, and each is judged as it stands when it is locked: a
 * password change, a withdrawal, a sign-out or another redemption under way is waited for. Whatever ends the sign-ins of an account, a
 * session or a consent holds the account's row and looks for families after that: either it finds the family that is opened here, or it is
 * seen here. Times are those of the statement's beginning. `judged` is materialized, so that the update of a code that was waited for judges
 * nothing again. One insert opens families and ends them: the row of a family that is to end conflicts with itself.
 */
export const createJudgeCodes =
  (database: Database, lifetimes: Lifetimes) =>
  async (
    redemptions: readonly Redemption[],
    { waits, sees_all }: Readonly<{ waits: boolean; sees_all: boolean }>,
  ): Promise<readonly JudgedCode[]> => {
    const contended = waits && redemptions[0] ? (`account:${redemptions[0].user_id}` as const) : undefined
    return database.run((sql, caller) => {
      const [locking, only] = [waits ? sql`` : sql`skip locked`, onlyPerson(sql, redemptions)]
      return sql<JudgedCode[]>`
        with ${inTwoPhases(sql, caller)}
        presented as materialized (
          select given.*, account.*, code.*, consent.version, session.living_session_id
          from jsonb_to_recordset(${sql.json(redemptions.map(rowOf))}) as given (
            presented_user_id uuid, presented_digest bytea, presented_client_id text, presented_redirect_uri text,
            presented_code_challenge text, presented_jkt text, presented_sender_key text, presented_audience text[],
            presented_retry_proof bytea, presented_logout_notice text, presented_ip text, presented_user_agent text,
            presented_request_id text, new_id uuid, new_salt bytea, new_pepper_id smallint, new_token_digest bytea
          )
          cross join lateral (
            select u.id as account_id, u.roles, u.credential_epoch as account_epoch, u.disabled_at, ${personColumns(sql)}
            from signet.users u
            where u.id = presented_user_id ${only.u}
              and exists (
                select c.digest
                from signet.authorization_codes c
                where c.user_id = u.id and c.digest = presented_digest ${only.c}
              )
            for share ${locking}
          ) account
          cross join lateral (
            select c.*
            from signet.authorization_codes c
            where c.user_id = account.account_id and c.digest = presented_digest ${only.c}
            for no key update ${locking}
          ) code
          left join lateral (
            select k.version
            from signet.consents k
            where k.user_id = code.user_id and k.client_id = code.client_id ${only.k}
            for share ${locking}
          ) consent on true
          left join lateral (
            select s.id as living_session_id
            from signet.browser_sessions s
            where s.user_id = code.user_id and s.id = code.session_id ${only.s}
            for key share ${locking}
          ) session on true
        ),
        bought as materialized (
          select f.*
          from presented
          cross join lateral (
            select *
            from signet.refresh_families f
            where f.user_id = presented.user_id and f.id = presented.family_id ${only.f}
            for no key update ${locking}
          ) f
        ),
        judged as materialized (
          select presented.*, statement_timestamp() as judged_at, case
            when ${isPastDeadline(sql, caller)} then ${LATE}
            when presented.client_id <> presented_client_id then 'wrong_client'
            when redirect_uri is distinct from presented_redirect_uri then 'wrong_redirect_uri'
            when code_challenge is distinct from presented_code_challenge then 'wrong_verifier'
            when dpop_jkt <> coalesce(presented_jkt, '') then 'wrong_dpop_key'
            when not presented_audience <@ presented.audience then 'resource_exceeded'
            when presented.expires_at + make_interval(secs => ${SPENT_CODE_SECONDS}) <= statement_timestamp() then 'expired'
            when spent_at is not null and bought.id is null and not ${sees_all}::boolean then ${RACED}
            when presented.retry_proof = presented_retry_proof
              and statement_timestamp() < spent_at + make_interval(secs => ${CODE_SECONDS})
              and bought.generation = 0
              and bought.sender_key is not distinct from presented_sender_key
              and bought.revoked_at is null
              and least(bought.idle_expires_at, bought.expires_at) > statement_timestamp()
              and bought.credential_epoch >= account_epoch
              and disabled_at is null then 'repeated'
            when spent_at is not null and bought.revoked_at is null and bought.id is not null then 'replayed'
            when spent_at is not null then 'replayed_after_end'
            when failures >= ${CODE_FAILURES_AT_MOST} then 'spent_by_failures'
            when presented.expires_at <= statement_timestamp() then 'expired'
            when disabled_at is not null then 'account_disabled'
            when presented.credential_epoch <> account_epoch then 'epoch_passed'
            when living_session_id is null then 'session_ended'
            when consent_version is not null and version is distinct from consent_version then 'consent_withdrawn'
            else 'redeemed'
          end as verdict
          from presented
          left join bought on bought.id = presented.family_id
        ),
        changed as (
          update signet.authorization_codes c
          set spent_at = case when verdict = 'redeemed' then judged_at end,
            retry_proof = case when verdict = 'redeemed' then presented_retry_proof end,
            family_id = case when verdict = 'redeemed' then new_id end,
            failures = c.failures + case when verdict = 'redeemed' then 0 else 1 end
          from judged
          where c.user_id = judged.user_id
            and c.digest = judged.digest
            ${only.c}
            and c.spent_at is null
            and (
              judged.verdict = 'redeemed'
              or judged.verdict in ('wrong_client', 'wrong_redirect_uri', 'wrong_verifier', 'wrong_dpop_key', 'resource_exceeded')
                and judged.failures < ${CODE_FAILURES_AT_MOST}
                and judged.expires_at > statement_timestamp()
            )
        ),
        ${boughtOrigin(sql, {
          lifetimes,
          logout_notice: sql`presented_logout_notice`,
          columns: sql`,
        new_id, new_salt, new_pepper_id, new_token_digest, presented_sender_key, presented_ip, presented_user_agent`,
        })},
        written as (
          ${openAndEndFamilies(sql, caller, {
            user_id: only.user_id,
            id: sql`new_id`,
            salt: sql`new_salt`,
            pepper_id: sql`new_pepper_id`,
            token_digest: sql`new_token_digest`,
            source: { ip: sql`presented_ip`, user_agent: sql`presented_user_agent` },
            logout_notice: sql`logout_notice`,
            sender_key: sql`presented_sender_key`,
            former: {
              from: sql`bought where id in (select family_id from judged where verdict = 'replayed')`,
              reason: CODE_REPLAYED,
            },
          })}
          returning *
        ),
        ended as (
          select id, user_id, client_id, logout_notice from written where revoked_at is not null
        ),
        ${writeSignInEntries(sql, lifetimes.access_token_seconds)},
        ${writeEventsOf(sql, caller, only.user_id, eventsOfCodes(sql))},
        opened as (
          select * from written where revoked_at is null
          union all
          select * from bought where id in (select family_id from judged where verdict = 'repeated')
        )
        select
          origin.new_id, origin.verdict, origin.family_id as bought_id, origin.nonce, origin.is_refreshable as "isRefreshable",
          origin.email, origin.email_verified_at, origin.name, origin.given_name, origin.family_name,
          origin.preferred_username, origin.picture, origin.locale, origin.zoneinfo, origin.updated_at,
          ${openedColumns(sql)}, ${issuedAt(sql, sql`presented_client_id`)} as at
        from judged origin
        left join opened on opened.id = case verdict when 'redeemed' then new_id else family_id end`
    }, contended)
  }

/** The person of a single redemption and, for each alias, the condition that names the person. Several redemptions have none. */
const onlyPerson = (sql: ISql, [first, ...others]: readonly Redemption[]) => {
  const user_id = others.length > 0 || !first ? null : first.user_id
  const of = (column: Fragment) => (user_id === null ? sql`` : sql`and ${column} = ${user_id}`)
  const [u, c, k, s, f] = [sql`u.id`, sql`c.user_id`, sql`k.user_id`, sql`s.user_id`, sql`f.user_id`]
  return { user_id, u: of(u), c: of(c), k: of(k), s: of(s), f: of(f) }
}

/** The families that were opened, and those that a replayed code has ended: of the requests that presented the codes. */
const eventsOfCodes = (sql: ISql): [EventRows, ...EventRows[]] => {
  const ofWritten = {
    user_id: sql`written.user_id`,
    client_id: sql`written.client_id`,
    sid: sql`written.id`,
    origin: presentedBy(sql, null),
  }
  const replayed = sql`written join judged on judged.family_id = written.id and judged.verdict = 'replayed'`
  return [
    {
      ...signInOpened(sql, sql`written`),
      from: sql`written as inserted join judged on judged.new_id = inserted.id and judged.verdict = 'redeemed'`,
      origin: presentedBy(sql, null),
    },
    { ...ofWritten, kind: 'code.replayed', outcome: 'refused', from: replayed },
    {
      ...ofWritten,
      kind: 'sign_in.ended',
      reason: CODE_REPLAYED,
      from: replayed,
      origin: presentedBy(sql, OWN_ORIGIN.actor),
    },
  ]
}

/** A row of jsonb_to_recordset. */
const rowOf = (redemption: Redemption) => ({
  presented_user_id: redemption.user_id,
  presented_digest: byteaText(redemption.digest),
  presented_client_id: redemption.client_id,
  presented_redirect_uri: redemption.redirect_uri,
  presented_code_challenge: redemption.code_challenge,
  presented_jkt: redemption.jkt,
  presented_sender_key: redemption.sender_key,
  presented_audience: redemption.resources,
  presented_retry_proof: redemption.retry_proof && byteaText(redemption.retry_proof),
  presented_logout_notice: redemption.logout_notice,
  presented_ip: redemption.source.ip,
  presented_user_agent: redemption.source.user_agent,
  presented_request_id: redemption.source.request_id,
  new_id: redemption.family.id,
  new_salt: byteaText(redemption.family.salt),
  new_pepper_id: redemption.family.pepper_id,
  new_token_digest: byteaText(redemption.family.token_digest),
})
