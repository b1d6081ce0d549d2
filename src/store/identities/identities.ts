import type { Fragment, ISql } from 'postgres'
import type { Account } from '../../domain/account/account.ts'
import { identityText } from '../../domain/account/account-name.ts'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { LinkedIdentity } from '../../domain/upstream/upstream.ts'
import type { Identities } from '../../ports/identities.ts'
import { claimName, deleteNames, findNamed, giveNames, isNamed, orNone } from '../accounts/names.ts'
import { writeEventsOf } from '../events/write-events.ts'
import { createChange } from '../factors/factor-changes.ts'
import { type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'
import { accountColumns, isOfAccount } from '../schema/account-columns.ts'
import { inTwoPhases, ofPerson } from '../schema/caller-forms.ts'

export const createIdentities = (database: Database, lifetimes: Lifetimes): Identities => ({
  findOwner: async ({ issuer, subject }) => {
    const value = identityText({ issuer, subject })
    const named = await findNamed(database, { kind: 'identity', value })
    const rows = database.run(
      sql => sql<Account[]>`
        select ${accountColumns(sql)}
        from signet.upstream_identities i
        join signet.users u on u.id = i.user_id
        where i.issuer = ${issuer} and i.subject = ${subject} and ${isNamed(sql, sql`i.user_id`, named)}`,
    )
    const [account] = await orNone(named, rows)
    return account ?? null
  },

  list: account_id =>
    database.run(
      sql => sql<LinkedIdentity[]>`
        select id, issuer, subject, email, created_at
        from signet.upstream_identities
        where user_id = ${account_id}
        order by created_at, id`,
    ),

  createAccount: createCreateAccount(database),
  link: createLink(database),
  unlink: createUnlink(database, lifetimes),
})

/** Of two requests with one address or one identity, uniqueness lets one through. */
const createCreateAccount =
  (database: Database): Identities['createAccount'] =>
  async ({ id, identity_id, issuer, subject, email, isEmailVerified, roles, language, profile }) => {
    const { name, given_name, family_name, preferred_username, picture, locale, zoneinfo } = profile
    const identity = identityText({ issuer, subject })
    try {
      const [account] = await database.run(
        (sql, caller) => sql<Account[]>`
          with ${inTwoPhases(sql, caller)}
          ${giveNames(sql, caller, sql`values ('email', ${email}, ${id}::uuid), ('identity', ${identity}, ${id}::uuid)`)}
          account as (
            insert into signet.users as u (
              id, email, roles, language, email_verified_at,
              name, given_name, family_name, preferred_username, picture, locale, zoneinfo
            )
            values (
              ${id}, ${email}, ${roles}::text[], ${language},
              case when ${isEmailVerified}::boolean then statement_timestamp() end,
              ${name ?? null}, ${given_name ?? null}, ${family_name ?? null}, ${preferred_username ?? null},
              ${picture ?? null}, ${locale ?? null}, ${zoneinfo ?? null}
            )
            on conflict do nothing
            returning ${accountColumns(sql)}
          ),
          linked as (
            insert into signet.upstream_identities (user_id, id, issuer, subject, email)
            select id, ${identity_id}::uuid, ${issuer}, ${subject}, ${email}
            from ${ofPerson(sql, caller, { user_id: id, rows: sql`account`, column: sql`id` })}
          ),
          ${writeEventsOf(sql, caller, id, [
            { kind: 'account.created', from: sql`account`, user_id: sql`account.id` },
            {
              kind: 'identity.linked',
              from: sql`account`,
              user_id: sql`account.id`,
              details: issuerOf(sql, issuer),
            },
          ])}
          select * from account`,
      )
      return account ?? 'taken'
    } catch (error) {
      if (errorCodeOf(error) === UNIQUE_VIOLATION) return 'taken'
      throw error
    }
  }

/** Which provider an event is about. */
const issuerOf = (sql: ISql, issuer: string): Fragment => sql`jsonb_build_object('issuer', ${issuer}::text)`

/** The account's row is held, so that a reset of its password at the same moment wins or loses as a whole. */
const createLink =
  (database: Database): Identities['link'] =>
  async ({ account_id, credential_epoch, id, issuer, subject, email }) => {
    const [row] = await database.run(
      (sql, caller) => sql<{ isLinked: boolean }[]>`
        with ${inTwoPhases(sql, caller)}
        account as materialized (
          select u.id
          from signet.users u
          where u.id = ${account_id} and u.credential_epoch = ${credential_epoch} and u.disabled_at is null
          for share
        ),
        ${claimName(sql, caller, { kind: 'identity', value: identityText({ issuer, subject }) })}
        linked as (
          insert into signet.upstream_identities as added (user_id, id, issuer, subject, email)
          select id, ${id}::uuid, ${issuer}, ${subject}, ${email}::text
          from ${ofPerson(sql, caller, { user_id: account_id, rows: sql`claimant`, column: sql`id` })}
          on conflict do nothing
          returning added.user_id
        ),
        ${writeEventsOf(sql, caller, account_id, [
          {
            kind: 'identity.linked',
            from: sql`linked`,
            user_id: sql`linked.user_id`,
            details: issuerOf(sql, issuer),
          },
        ])}
        select exists (select from linked) as "isLinked" from account`,
      `account:${account_id}`,
    )
    if (row === undefined) return null
    return row.isLinked ? 'linked' : 'taken'
  }

const createUnlink = (database: Database, lifetimes: Lifetimes): Identities['unlink'] => {
  const change = createChange(database, lifetimes)
  return async ({ id, issuers, ...given }) => {
    const { account_id } = given
    const removed = await change(given, {
      kind: 'identity.unlinked',
      members: (sql, caller) => sql`
        done as (
          delete from signet.upstream_identities i
          using account
          where ${isOfAccount(sql, sql`i.user_id`, account_id)}
            and i.id = ${id}
            and (
              exists (select u.id from signet.users u where u.id = ${account_id} and u.password_digest is not null)
              or exists (select p.id from signet.passkeys p where p.user_id = ${account_id})
              or exists (
                select other.id
                from signet.upstream_identities other
                where other.user_id = ${account_id} and other.id <> ${id} and other.issuer = any(${issuers}::text[])
              )
            )
          -- As identityText writes it.
          returning i.user_id, i.issuer || ' ' || i.subject as identity
        ),
        ${deleteNames(sql, caller, {
          from: sql`done`,
          condition: sql`n.user_id = done.user_id and n.kind = 'identity' and n.value = done.identity`,
        })}
        given as (select account.id from account where false)`,
    })
    return removed && removed.ended
  }
}
