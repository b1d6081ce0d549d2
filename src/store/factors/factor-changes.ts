import type { Fragment, ISql } from 'postgres'
import type { EventKind } from '../../domain/events/event-kinds.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { Factors } from '../../ports/factors.ts'
import { claimName, deleteNames } from '../accounts/names.ts'
import { signInsEnded, writeEventsOf } from '../events/write-events.ts'
import { foundCount, onHeldAccount } from '../families/end-families.ts'
import { endOtherFamilies } from '../families/end-other-families.ts'
import { goOnEnding } from '../families/unfinished-endings.ts'
import type { Caller, Database } from '../postgres/index.ts'
import { isOfAccount } from '../schema/account-columns.ts'
import { inTwoPhases, ofPerson } from '../schema/caller-forms.ts'

type Changes = Pick<Factors, 'addTotp' | 'addPasskey' | 'removeTotp' | 'removePasskey'>

/** The verbs that change factors and end every other sign-in. */
export const createFactorChanges = (database: Database, lifetimes: Lifetimes): Changes => {
  const change = createChange(database, lifetimes)
  return {
    addTotp: given =>
      change(given, {
        kind: 'factor.totp_added',
        members: (sql, caller) => sql`
          ${insertTotp(sql, caller, given)}, ${giveRecoveryCodes(sql, caller, given)}`,
      }),

    addPasskey: given =>
      change(given, {
        kind: 'factor.passkey_added',
        members: (sql, caller) => sql`
          ${claimName(sql, caller, { kind: 'passkey', value: given.passkey.id })}
          ${insertPasskey(sql, caller, given)}, ${giveRecoveryCodes(sql, caller, given)}`,
      }),

    removeTotp: async given => {
      const removed = await change(given, {
        kind: 'factor.totp_removed',
        members: sql => deleteTotp(sql, given),
      })
      return removed && removed.ended
    },

    removePasskey: async given => {
      const removed = await change(given, {
        kind: 'factor.passkey_removed',
        members: (sql, caller) => deletePasskey(sql, caller, given),
      })
      return removed && removed.ended
    },
  }
}

type Changed = Readonly<{ ended: readonly string[]; isRecoveryGiven: boolean }>

/**
 * `kind` is the event of the change. `members` are the CTEs of a change, after those of `endOtherFamilies`: `done` has a row when the factor
 * was changed, and `given` has one when recovery codes were stored.
 */
export const createChange =
  (database: Database, { access_token_seconds }: Lifetimes) =>
  async (
    { account_id: id, credential_epoch, keep, keep_session = null }: Parameters<Factors['removeTotp']>[0],
    { kind, members }: Readonly<{ kind: EventKind; members: (sql: ISql, caller: Caller) => Fragment }>,
  ): Promise<Changed | null> => {
    const unchanged = { password_digest: null, reason: 'factors_changed' } as const
    const ending = { ...unchanged, id, credential_epoch, keep, keep_session }
    const [row] = await onHeldAccount(
      database,
      id,
      (sql, caller) => sql<{ ended: string[]; found: number; isRecoveryGiven: boolean }[]>`
        with ${inTwoPhases(sql, caller)}
        ${endOtherFamilies(sql, caller, { ...ending, access_token_seconds })}, ${members(sql, caller)},
        ${writeEventsOf(sql, caller, id, [
          { kind, from: sql`account where exists (select from done)`, user_id: sql`account.id` },
          {
            kind: 'factor.recovery_codes_made',
            from: sql`account where exists (select from given)`,
            user_id: sql`account.id`,
          },
          signInsEnded(sql, ending.reason),
        ])}
        select
          array(select id::text from ended) as ended, ${foundCount(sql)} as found,
          exists (select from given) as "isRecoveryGiven"
        from account
        where exists (select from done)`,
    )
    if (row === undefined) return null
    const { found, ...changed } = row
    await goOnEnding(database, { user_id: id, found, access_token_seconds })
    return changed
  }

const insertTotp = (
  sql: ISql,
  caller: Caller,
  { account_id, secret, step }: Parameters<Factors['addTotp']>[0],
) => sql`
  done as (
    insert into signet.totp_factors as added (user_id, secret, last_step)
    select id, ${secret}::bytea, ${step}::int
    from ${ofPerson(sql, caller, { user_id: account_id, rows: sql`account`, column: sql`id` })}
    on conflict do nothing
    returning added.user_id
  )`

const insertPasskey = (
  sql: ISql,
  caller: Caller,
  { account_id, passkey, label }: Parameters<Factors['addPasskey']>[0],
) => sql`
  done as (
    insert into signet.passkeys as added (id, user_id, public_key, counter, transports, backup_eligible, backed_up, label)
    select ${passkey.id}, id, ${passkey.public_key}, ${passkey.counter}, ${passkey.transports}::text[],
      ${passkey.backup_eligible}, ${passkey.backed_up}, ${label}
    from ${ofPerson(sql, caller, { user_id: account_id, rows: sql`claimant`, column: sql`id` })}
    on conflict do nothing
    returning added.user_id
  )`

/** Stores recovery codes unless the present set has unused codes, which the person holds. */
const giveRecoveryCodes = (
  sql: ISql,
  caller: Caller,
  { account_id, recovery: digests }: Pick<Parameters<Factors['addTotp']>[0], 'account_id' | 'recovery'>,
) => sql`
  given as (
    insert into signet.recovery_codes as known (user_id, digests)
    select id, ${digestArray(sql, digests)}
    from ${ofPerson(sql, caller, { user_id: account_id, rows: sql`account`, column: sql`id` })}
    where ${digests.length > 0} and exists (select from done)
    on conflict (user_id) do update
    set digests = excluded.digests, set_number = known.set_number + 1
    where cardinality(known.digests) = 0
    returning known.user_id
  )`

const deleteTotp = (sql: ISql, { account_id }: Parameters<Factors['removeTotp']>[0]) => sql`
  done as (
    delete from signet.totp_factors t using account
    where ${isOfAccount(sql, sql`t.user_id`, account_id)}
    returning t.user_id
  ),
  voided as (
    delete from signet.recovery_codes r using account
    where ${isOfAccount(sql, sql`r.user_id`, account_id)}
      and not exists (select p.id from signet.passkeys p where p.user_id = ${account_id})
  ),
  given as (select account.id from account where false)`

const deletePasskey = (
  sql: ISql,
  caller: Caller,
  { account_id, id }: Parameters<Factors['removePasskey']>[0],
) => sql`
  done as (
    delete from signet.passkeys p using account
    where ${isOfAccount(sql, sql`p.user_id`, account_id)} and p.id = ${id}
    returning p.user_id
  ),
  ${deleteNames(sql, caller, {
    from: sql`done`,
    condition: sql`n.user_id = done.user_id and n.kind = 'passkey' and n.value = ${id}`,
  })}
  voided as (
    delete from signet.recovery_codes r using account
    where ${isOfAccount(sql, sql`r.user_id`, account_id)}
      and not exists (select p.id from signet.passkeys p where p.user_id = ${account_id} and p.id <> ${id})
      and not exists (select t.user_id from signet.totp_factors t where t.user_id = ${account_id})
  ),
  given as (select account.id from account where false)`

/** Digests as a `bytea[]`, passed to Postgres as hexadecimal text. */
export const digestArray = (sql: ISql, digests: readonly Uint8Array[]) => {
  const texts = digests.map(digest => Buffer.from(digest).toString('hex'))
  return sql`array(select decode(text, 'hex') from unnest(${texts}::text[]) as text)`
}
