import type { ISql } from 'postgres'
import type { Account } from '../../domain/account/account.ts'
import type { PasswordDigest } from '../../domain/account/password-digest.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { Accounts } from '../../ports/accounts.ts'
import { signInsEnded, writeEventsOf } from '../events/write-events.ts'
import { endFamilies, foundCount, onHeldAccount } from '../families/end-families.ts'
import { endOtherFamilies } from '../families/end-other-families.ts'
import { writeRestEntries } from '../families/feed-entries.ts'
import { goOnEnding } from '../families/unfinished-endings.ts'
import type { Database } from '../postgres/index.ts'
import { accountColumns } from '../schema/account-columns.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { bindingOf } from '../schema/link-predicates.ts'
import { findNamed, giveNames, isNamed, orNone, orTaken } from './names.ts'
import { createChangeProfile, createFindPerson } from './people.ts'

export const createAccounts = (database: Database, { access_token_seconds }: Lifetimes): Accounts => ({
  create: createRegister(database),

  findByEmail: async email => {
    const named = await findNamed(database, { kind: 'email', value: email })
    const rows = database.run(
      sql => sql<(Account & { password_digest: PasswordDigest | null; external_id: string | null })[]>`
        select ${accountColumns(sql)}, u.password_digest, u.external_id
        from signet.users u
        where u.email = ${email} and ${isNamed(sql, sql`u.id`, named)}`,
    )
    const [account] = await orNone(named, rows)
    return account ?? null
  },

  findPerson: createFindPerson(database),
  changeProfile: createChangeProfile(database),

  setFirstDigest: createSetFirstDigest(database),

  renewDigest: async ({ id, from, to }) => {
    await database.run(
      sql => sql`
        with renewed as (
          update signet.users
          set password_digest = ${to}
          where id = ${id} and password_digest = ${from}
          returning id, credential_epoch
        )
        update signet.email_links link
        set binding = ${bindingOf(sql, { ...linkOfRenewed(sql), password: sql`${to}::text` })}
        from renewed
        where link.user_id = ${id}
          and link.binding = ${bindingOf(sql, { ...linkOfRenewed(sql), password: sql`${from}::text` })}`,
      `account:${id}`,
    )
  },

  endEverySignIn: createEndEverySignIn(database, access_token_seconds),
  endOtherSignIns: createEndOtherSignIns(database, access_token_seconds),
})

const createRegister =
  (database: Database): Accounts['create'] =>
  async ({ id, email, password_digest, roles, language }) => {
    const [account] = await orTaken(
      database.run(
        (sql, caller) => sql<Account[]>`
          with ${inTwoPhases(sql, caller)}
          ${giveNames(sql, caller, sql`values ('email', ${email}, ${id}::uuid)`)}
          account as (
            insert into signet.users as u (id, email, password_digest, roles, language)
            values (${id}, ${email}, ${password_digest}, ${roles}::text[], ${language})
            on conflict do nothing
            returning ${accountColumns(sql)}
          ),
          ${writeEventsOf(sql, caller, id, [
            { kind: 'account.registered', from: sql`account`, user_id: sql`account.id` },
          ])}
          select * from account`,
        `address:${email}`,
      ),
    )
    return account ?? null
  }

const createEndEverySignIn =
  (database: Database, access_token_seconds: number): Accounts['endEverySignIn'] =>
  async (account_id, reason) => {
    const [row] = await onHeldAccount(
      database,
      account_id,
      (sql, caller) => sql<{ ended: string[]; found: number }[]>`
        with ${inTwoPhases(sql, caller)}
        account as (
          update signet.users
          set credential_epoch = credential_epoch + 1,
            epoch_raised_at = statement_timestamp(),
            device_epoch = device_epoch + 1
          where id = ${account_id}
          returning id, credential_epoch
        ),
        ${endFamilies(sql, caller, { reason, user_id: account_id })},
        ${writeRestEntries(sql, { value: account_id, access_token_seconds })},
        ${writeEventsOf(sql, caller, account_id, [
          { kind: 'account.everything_revoked', from: sql`account`, reason, user_id: sql`account.id` },
          signInsEnded(sql, reason),
        ])}
        select array(select id::text from ended) as ended, ${foundCount(sql)} as found`,
    )
    await goOnEnding(database, { user_id: account_id, found: row?.found ?? 0, access_token_seconds })
    return row?.ended ?? []
  }

const createEndOtherSignIns =
  (database: Database, access_token_seconds: number): Accounts['endOtherSignIns'] =>
  async change => {
    const [account] = await onHeldAccount(
      database,
      change.id,
      (sql, caller) => sql<{ ended: string[]; found: number }[]>`
        with ${inTwoPhases(sql, caller)}
        ${endOtherFamilies(sql, caller, { ...change, access_token_seconds })},
        ${writeEventsOf(sql, caller, change.id, [
          {
            kind: 'account.password_changed',
            from: sql`account where ${change.password_digest !== null}`,
            user_id: sql`account.id`,
          },
          signInsEnded(sql, change.reason),
        ])}
        select array(select id::text from ended) as ended, ${foundCount(sql)} as found from account`,
    )
    await goOnEnding(database, { user_id: change.id, found: account?.found ?? 0, access_token_seconds })
    return account?.ended ?? null
  }

const createSetFirstDigest =
  (database: Database): Accounts['setFirstDigest'] =>
  async ({ id, password_digest }) => {
    await database.run(
      sql => sql`
        update signet.users
        set password_digest = ${password_digest}
        where id = ${id} and password_digest is null and disabled_at is null`,
      `account:${id}`,
    )
  }

/** The binding of a link. A link stays valid when the digest of the same password is renewed. */
const linkOfRenewed = (sql: ISql) => ({ purpose: sql`link.purpose`, epoch: sql`renewed.credential_epoch` })
