import type { Fragment, ISql } from 'postgres'
import type { Bought } from '../../domain/authorization/authorization-code.ts'
import {
  parseSessionVerdict,
  type SessionExchange,
  type SessionOutcome,
} from '../../domain/exchange/session-exchange.ts'
import type { Lifetimes, RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { SessionExchanges } from '../../ports/session-exchanges.ts'
import { findNamed, isNamed, orNone } from '../accounts/names.ts'
import type { BoughtRow } from '../codes/judge-codes.ts'
import { boughtOf } from '../codes/redeem-code.ts'
import { writeEventsOf } from '../events/write-events.ts'
import { issuedAt, jsonText, openedColumns, openFamily, signInOpened } from '../families/open-family.ts'
import type { Caller, Database } from '../postgres/index.ts'
import { personColumns } from '../schema/account-columns.ts'
import { ofPerson } from '../schema/caller-forms.ts'

/** The session was exchanged by a statement that this one waited for: the family is of after its snapshot. */
const RACED = 'raced'
const BODY: RefreshTransport = 'body'

type Person = Readonly<{ id: string; roles: string[]; isNew: boolean }>
type Row = Omit<BoughtRow, 'bought_id' | 'nonce' | 'isRefreshable'>

/** Ours (docs/decisions/0051) – A second look is taken at a session that was exchanged while the first one waited for its row. */
export const createSessionExchanges = (database: Database, lifetimes: Lifetimes): SessionExchanges => {
  const judge = createJudgeSession(database, lifetimes)
  return {
    findPerson: async session => {
      const person_id = await findPersonId(database, session)
      const rows = database.run(
        sql => sql<Person[]>`
          select u.id, u.roles, not exists (
            select from signet.exchanged_sessions s
            where s.user_id = u.id
              and ${isNamed(sql, sql`s.user_id`, person_id)}
              and s.digest = ${session.digest}
              and s.client_id = ${session.client_id}
          ) as "isNew"
          from signet.users u
          where ${isAccountOf(sql, session, person_id)}
            and u.disabled_at is null`,
      )
      const [person] = await orNone(person_id, rows)
      return person ?? null
    },
    exchange: async session => {
      const person_id = await findPersonId(database, session)
      const first = await judge(session, { person_id, sees_all: false })
      const row = first?.verdict === RACED ? await judge(session, { person_id, sees_all: true }) : first
      return row === undefined ? { verdict: 'account_unknown', user_id: null } : outcomeOf(row)
    },
  }
}

const outcomeOf = (row: Row): SessionOutcome => {
  const verdict = parseSessionVerdict(row.verdict)
  switch (verdict) {
    case 'opened':
    case 'repeated':
    case 'joined':
      return { verdict, bought: boughtBy(row, verdict !== 'joined') }
    case 'ended':
    case 'account_unknown':
    case 'account_disabled':
      return { verdict, user_id: row.user_id }
  }
}

const boughtBy = (row: Row, isRefreshable: boolean): Bought =>
  boughtOf({ ...row, nonce: null, isRefreshable })

/**
 * Judges a session and opens its family the first time: one statement. The account is locked before the rows of the session and the family,
 * in the order in which an ending takes them. The primary key of the row makes two exchanges at once one: the second waits for the first, and
 * gets its family. The row keeps the longer of the two expiries, and every later exchange prolongs it. A session from before the latest change
 * that ended every sign-in of its person leaves a row without a family, which buys nothing either.
 */
const createJudgeSession =
  (database: Database, { idle_seconds, max_seconds }: Lifetimes) =>
  async (
    session: SessionExchange,
    { person_id, sees_all }: Readonly<{ person_id: string | null; sees_all: boolean }>,
  ): Promise<Row | undefined> => {
    const { client_id, family } = session
    const [row] = await database.run(
      (sql, caller) => sql<Row[]>`
        with account as materialized (
          select u.id as user_id, u.roles, u.credential_epoch, u.epoch_raised_at, u.disabled_at, ${personColumns(sql)}
          from signet.users u
          where ${isAccountOf(sql, session, person_id)}
          for share
        ),
        ${noteSession(sql, caller, session, { person_id, max_seconds })},
        bought as materialized (
          select f.*
          from signet.refresh_families f
          where f.user_id = (select user_id from account)
            and f.id = (select family_id from noted)
            and ${isNamed(sql, sql`f.user_id`, person_id)}
          for no key update
        ),
        judged as materialized (
          select account.*, case
            when disabled_at is not null then 'account_disabled'
            when noted.family_id = ${family.id}
              and to_timestamp(${session.auth_time}::double precision) < date_trunc('second', epoch_raised_at) then 'ended'
            when noted.family_id = ${family.id} then 'opened'
            when bought.id is null and not ${sees_all}::boolean then ${RACED}
            when bought.id is null
              or bought.revoked_at is not null
              or least(bought.idle_expires_at, bought.expires_at) <= statement_timestamp()
              or bought.credential_epoch < account.credential_epoch then 'ended'
            when noted.retry_proof = ${session.retry_proof}::bytea and bought.generation = 0 then 'repeated'
            else 'joined'
          end as verdict
          from account
          left join noted on true
          left join bought on true
        ),
        origin as materialized (
          select
            user_id, credential_epoch, ${client_id}::text as client_id, ${session.scope}::text as scope,
            ${session.audience}::text[] as audience, null::uuid as session_id, ${BODY}::text as refresh_transport,
            least(to_timestamp(${session.auth_time}::double precision), statement_timestamp()) as proved_at,
            '{}'::text[] as proved_by, ${jsonText(session.claims)}::text::jsonb as claims, ${idle_seconds}::int as idle_seconds,
            statement_timestamp() + make_interval(secs => ${max_seconds}) as expires_at,
            case when 'openid' = any(string_to_array(${session.scope}::text, ' '))
              then ${session.logout_notice}::text end as logout_notice
          from judged
          where verdict = 'opened'
        ),
        written as (
          ${openFamily(sql, caller, {
            user_id: person_id,
            ...family,
            source: session.source,
            logout_notice: sql`logout_notice`,
            sender_key: sql`null::text`,
          })}
          returning *
        ),
        ${writeEventsOf(sql, caller, person_id, [signInOpened(sql, sql`written`)])},
        opened as (
          select * from written
          union all
          select * from bought where (select verdict from judged) in ('repeated', 'joined')
        )
        select
          origin.verdict, origin.email, origin.email_verified_at, origin.name, origin.given_name, origin.family_name,
          origin.preferred_username, origin.picture, origin.locale, origin.zoneinfo, origin.updated_at,
          ${openedColumns(sql)}, origin.user_id, ${issuedAt(sql, client_id)} as at
        from judged origin
        left join opened on true`,
      `account:${session.user_id ?? session.external_id}`,
    )
    return row
  }

/**
 * CTE `noted (family_id, retry_proof)`: writes the row of the session for the CTE `account`, or prolongs it. `person_id` is that of `account`,
 * where it is known.
 */
const noteSession = (
  sql: ISql,
  caller: Caller,
  { digest, client_id, family, retry_proof, exp }: SessionExchange,
  { person_id, max_seconds }: Readonly<{ person_id: string | null; max_seconds: number }>,
): Fragment => sql`
  noted as (
    insert into signet.exchanged_sessions as session (user_id, digest, client_id, family_id, retry_proof, expires_at)
    select
      user_id, ${digest}, ${client_id}, ${family.id}, ${retry_proof}::bytea,
      greatest(to_timestamp(${exp}::double precision), statement_timestamp() + make_interval(secs => ${max_seconds}))
    from ${ofPerson(sql, caller, { user_id: person_id, rows: sql`account` })}
    where disabled_at is null
    on conflict (user_id, digest, client_id) do update
    set expires_at = greatest(session.expires_at, to_timestamp(${exp}::double precision))
    returning session.family_id, session.retry_proof
  )`

type Whose = Pick<SessionExchange, 'user_id' | 'external_id'>

/** The person whom the verifier has named, for `isNamed`. Null for an external id on one Postgres, which itself leads to the account. */
const findPersonId = async (database: Database, { user_id, external_id }: Whose): Promise<string | null> =>
  user_id !== null || external_id === null
    ? user_id
    : findNamed(database, { kind: 'external_id', value: external_id })

const isAccountOf = (sql: ISql, { user_id, external_id }: Whose, person_id: string | null): Fragment =>
  user_id === null
    ? sql`u.external_id = ${external_id} and ${isNamed(sql, sql`u.id`, person_id)}`
    : sql`u.id = ${user_id}`
