import type { Account } from '../../domain/account/account.ts'
import type { Passkey } from '../../domain/factors/passkey.ts'
import { RECOVERY_RENEWED_SECONDS } from '../../domain/factors/recovery-code.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { Factors } from '../../ports/factors.ts'
import { findNamed, isNamed, orNone } from '../accounts/names.ts'
import { writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { accountColumns } from '../schema/account-columns.ts'
import { ofPerson } from '../schema/caller-forms.ts'
import { createFactorChanges, digestArray } from './factor-changes.ts'
import { createFactorProofs } from './factor-proofs.ts'

type Found = {
  created_at: Date | null
  failures: number
  known_failures: number
  recovery_codes: number
  recovery_set: number | null
}

export const createFactors = (database: Database, lifetimes: Lifetimes): Factors => ({
  find: async account_id => {
    const [[found], passkeys] = await Promise.all([
      findSecrets(database, account_id),
      findPasskeys(database, account_id),
    ])
    if (found === undefined) return { totp: null, passkeys, recovery_codes: 0, recovery_set: null }
    const { created_at, failures, known_failures, recovery_codes, recovery_set } = found
    const counted = { unknown_devices: failures, known_devices: known_failures }
    const totp = created_at === null ? null : { created_at, failures: counted }
    return { totp, passkeys, recovery_codes, recovery_set }
  },

  hasPasskey: async id => {
    const named = await findNamed(database, { kind: 'passkey', value: id })
    const rows = database.run(
      sql => sql`select from signet.passkeys where id = ${id} and ${isNamed(sql, sql`user_id`, named)}`,
    )
    const found = await orNone(named, rows)
    return found.length > 0
  },

  renamePasskey: async ({ account_id, id, label }) => {
    const renamed = await database.run(
      sql => sql`
        update signet.passkeys
        set label = ${label}
        where id = ${id} and user_id = ${account_id}
        returning id`,
    )
    return renamed.length > 0
  },

  findOwner: createFindOwner(database),

  ...createFactorProofs(database),

  // Locks the account, so that the new codes do not outlast a concurrent change of factors or of the password.
  replaceRecoveryCodes: async ({ id, credential_epoch, replaces, digests }) => {
    const [replaced] = await database.run(
      (sql, caller) => sql<{ isReplaced: boolean }[]>`
        with account as (
          select id
          from signet.users
          where id = ${id} and credential_epoch = ${credential_epoch} and disabled_at is null
          for share
        ),
        replaced as (
          insert into signet.recovery_codes as known (user_id, digests, renewed_at)
          select id, ${digestArray(sql, digests)}, statement_timestamp()
          from ${ofPerson(sql, caller, { user_id: id, rows: sql`account`, column: sql`id` })}
          on conflict (user_id) do update
          set digests = excluded.digests, set_number = known.set_number + 1, renewed_at = excluded.renewed_at
          where known.set_number = ${replaces}::int
            and (
              known.renewed_at is null
              or excluded.renewed_at - known.renewed_at > make_interval(secs => ${RECOVERY_RENEWED_SECONDS})
            )
          returning known.user_id
        ),
        ${writeEventsOf(sql, caller, id, [
          { kind: 'factor.recovery_codes_made', from: sql`replaced`, user_id: sql`replaced.user_id` },
        ])}
        select exists (select from replaced) as "isReplaced" from account`,
      `account:${id}`,
    )
    if (replaced === undefined) return null
    return replaced.isReplaced ? 'replaced' : 'overtaken'
  },

  ...createFactorChanges(database, lifetimes),
})

const createFindOwner =
  (database: Database): Factors['findOwner'] =>
  async passkey_id => {
    const named = await findNamed(database, { kind: 'passkey', value: passkey_id })
    const rows = database.run(
      sql => sql<Account[]>`
        select ${accountColumns(sql)}
        from signet.passkeys p
        join signet.users u on u.id = p.user_id
        where p.id = ${passkey_id} and ${isNamed(sql, sql`p.user_id`, named)} and u.disabled_at is null`,
    )
    const [account] = await orNone(named, rows)
    return account ?? null
  }

const findSecrets = (database: Database, account_id: string) =>
  database.run(
    sql => sql<Found[]>`
      select
        t.created_at, t.failures, t.known_failures, coalesce(cardinality(r.digests), 0) as recovery_codes,
        r.set_number as recovery_set
      from signet.users u
      left join signet.totp_factors t on t.user_id = u.id
      left join signet.recovery_codes r on r.user_id = u.id
      where u.id = ${account_id}`,
  )

const findPasskeys = (database: Database, account_id: string): Promise<readonly Passkey[]> =>
  database.run(
    sql => sql<Passkey[]>`
      select
        id, public_key, counter::float8 as counter, transports, backup_eligible, backed_up, label, created_at,
        last_used_at
      from signet.passkeys
      where user_id = ${account_id}
      order by created_at, id`,
  )
