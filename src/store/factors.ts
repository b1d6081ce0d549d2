import type { Fragment, ISql } from 'postgres'
import type { Account } from '../domain/account.ts'
import type { Digest } from '../domain/digest.ts'
import type { Passkey } from '../domain/passkey.ts'
import type { Lifetimes } from '../domain/refresh-family.ts'
import type { SealedSecret } from '../domain/sealed-secret.ts'
import type { Factors } from '../ports/factors.ts'
import { accountColumns } from './account-columns.ts'
import type { Database } from './database.ts'
import { onHeldAccount } from './end-families.ts'
import { endingOthers } from './ending-others.ts'
import { goOnEnding } from './unfinished-endings.ts'

type Found = {
  secret: SealedSecret | null
  created_at: Date | null
  recovery_codes: number
}

export const createFactors = (database: Database, lifetimes: Lifetimes): Factors => ({
  find: async account_id => {
    const [[found], passkeys] = await Promise.all([
      findSecrets(database, account_id),
      findPasskeys(database, account_id),
    ])
    const { secret = null, created_at = null, recovery_codes = 0 } = found ?? {}
    const totp = secret === null || created_at === null ? null : { secret, created_at }
    return { totp, passkeys, recovery_codes }
  },

  hasPasskey: async id => {
    const found = await database.run(sql => sql`select from passkeys where id = ${id}`)
    return found.length > 0
  },

  findOwner: async passkey_id => {
    const [account] = await database.run(
      sql => sql<Account[]>`
        select ${accountColumns(sql)}
        from passkeys p
        join users u on u.id = p.user_id
        where p.id = ${passkey_id} and u.disabled_at is null`,
    )
    return account ?? null
  },

  spendTotpStep: async ({ account_id, step, resealed }) => {
    const spent = await database.run(
      sql => sql`
        update totp_factors
        set last_step = ${step}, secret = coalesce(${resealed}::bytea, secret)
        where user_id = ${account_id} and last_step < ${step}
        returning user_id`,
    )
    return spent.length > 0
  },

  spendRecoveryCode: async ({ account_id, digest }) => {
    const spent = await database.run(
      sql => sql`
        update recovery_codes
        set digests = array_remove(digests, ${digest}::bytea)
        where user_id = ${account_id} and ${digest}::bytea = any(digests)
        returning user_id`,
    )
    return spent.length > 0
  },

  // WebAuthn §7.2 – One that counts never counts the same twice; one that does not stays at 0.
  usePasskey: async ({ account_id, id, counter, backed_up }) => {
    const used = await database.run(
      sql => sql`
        update passkeys
        set counter = ${counter}, backed_up = ${backed_up}, last_used_at = statement_timestamp()
        where id = ${id}
          and user_id = ${account_id}
          and (counter < ${counter} or counter = 0 and ${counter}::bigint = 0)
        returning id`,
    )
    return used.length > 0
  },

  // The account is held: a change of factors or of the password is waited for, and these would outlast it.
  replaceRecoveryCodes: async ({ id, credential_epoch, digests }) => {
    const replaced = await database.run(
      sql => sql`
        with account as (
          select id
          from users
          where id = ${id} and credential_epoch = ${credential_epoch} and disabled_at is null
          for share
        )
        insert into recovery_codes (user_id, digests)
        select id, ${bytesOf(sql, digests)} from account
        on conflict (user_id) do update
        set digests = excluded.digests
        returning user_id`,
    )
    return replaced.length > 0
  },

  ...createChanges(database, lifetimes),
})

/** The verbs that end every other sign-in. Each names what it does `done`, so that nothing counts as done that was not. */
const createChanges = (
  database: Database,
  { access_token_seconds }: Lifetimes,
): Pick<Factors, 'addTotp' | 'addPasskey' | 'removeTotp' | 'removePasskey'> => {
  type Change = Parameters<Factors['removeTotp']>[0]
  const change = async (
    { account_id: id, credential_epoch, keep }: Change,
    members: (sql: ISql) => Fragment,
  ): Promise<readonly string[] | null> => {
    const ending = { id, credential_epoch, keep, password_digest: null, reason: 'factors_changed' } as const
    const [account] = await onHeldAccount(
      database,
      id,
      sql => sql<{ ended: string[] }[]>`
        with ${endingOthers(sql, { ...ending, access_token_seconds })}, ${members(sql)}
        select array(select id::text from ended) as ended
        from account
        where exists (select from done)`,
    )
    const ended = account?.ended ?? null
    await goOnEnding(database, { user_id: id, ended: ended?.length ?? 0, access_token_seconds })
    return ended
  }

  return {
    addTotp: given =>
      change(
        given,
        sql => sql`
          done as (
            insert into totp_factors (user_id, secret, last_step)
            select id, ${given.secret}, ${given.step} from account
            on conflict do nothing
            returning user_id
          ), ${givingCodes(sql, given.recovery)}`,
      ),

    addPasskey: ({ passkey, label, ...given }) =>
      change(
        given,
        sql => sql`
          done as (
            insert into passkeys (id, user_id, public_key, counter, transports, backup_eligible, backed_up, label)
            select ${passkey.id}, id, ${passkey.public_key}, ${passkey.counter}, ${passkey.transports}::text[],
              ${passkey.backup_eligible}, ${passkey.backed_up}, ${label}
            from account
            on conflict do nothing
            returning user_id
          ), ${givingCodes(sql, given.recovery)}`,
      ),

    removeTotp: given =>
      change(
        given,
        sql => sql`
          done as (
            delete from totp_factors t using account where t.user_id = account.id returning t.user_id
          ),
          voided as (
            delete from recovery_codes r using account
            where r.user_id = account.id
              and not exists (select from passkeys p where p.user_id = account.id)
          )`,
      ),

    removePasskey: ({ id, ...given }) =>
      change(
        given,
        sql => sql`
          done as (
            delete from passkeys p using account
            where p.user_id = account.id and p.id = ${id}
            returning p.user_id
          ),
          voided as (
            delete from recovery_codes r using account
            where r.user_id = account.id
              and not exists (select from passkeys p where p.user_id = account.id and p.id <> ${id})
              and not exists (select from totp_factors t where t.user_id = account.id)
          )`,
      ),
  }
}

const givingCodes = (sql: ISql, digests: readonly Digest<'recovery_code'>[]) => sql`
  given as (
    insert into recovery_codes (user_id, digests)
    select id, ${bytesOf(sql, digests)}
    from account
    where ${digests.length > 0} and exists (select from done)
    on conflict (user_id) do update
    set digests = excluded.digests
  )`

const findSecrets = (database: Database, account_id: string) =>
  database.run(
    sql => sql<Found[]>`
      select t.secret, t.created_at, coalesce(cardinality(r.digests), 0) as recovery_codes
      from users u
      left join totp_factors t on t.user_id = u.id
      left join recovery_codes r on r.user_id = u.id
      where u.id = ${account_id}`,
  )

const findPasskeys = (database: Database, account_id: string): Promise<readonly Passkey[]> =>
  database.run(
    sql => sql<Passkey[]>`
      select
        id, public_key, counter::float8 as counter, transports, backup_eligible, backed_up, label, created_at,
        last_used_at
      from passkeys
      where user_id = ${account_id}
      order by created_at, id`,
  )

const bytesOf = (sql: ISql, digests: readonly Uint8Array[]) => {
  const texts = digests.map(digest => Buffer.from(digest).toString('hex'))
  return sql`array(select decode(text, 'hex') from unnest(${texts}::text[]) as text)`
}
