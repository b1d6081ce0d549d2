import type { Account } from '../../domain/account/account.ts'
import type { Invitations } from '../../ports/mail.ts'
import { claimName, findNamed, isFree } from '../accounts/names.ts'
import { writeEvents, writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { accountColumns } from '../schema/account-columns.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'

export const createInvitations = (database: Database): Invitations => ({
  invite: async ({ email, digest, valid_seconds }) => {
    const named = await findNamed(database, { kind: 'email', value: email })
    const [invited] = await database.run(
      (sql, caller) => sql<{ expires_at: Date }[]>`
        with ${inTwoPhases(sql, caller)}
        invited as (
          insert into signet.invitations (email, digest, expires_at)
          select ${email}, ${digest}, statement_timestamp() + make_interval(secs => ${valid_seconds})
          where ${isFree(sql, { email, user_id: named })}
          on conflict (email) do update
          set digest = excluded.digest, expires_at = excluded.expires_at
          returning expires_at
        ),
        ${writeEvents(sql, caller.origin, [{ kind: 'invitation.sent', from: sql`invited` }])}
        select expires_at from invited`,
    )
    return invited ?? null
  },

  withdraw: async email => {
    const gone = await database.run(
      sql => sql`
        delete from signet.invitations
        where email = ${email}
        returning email`,
    )
    return gone.length > 0
  },

  find: async digest => {
    const [found] = await database.run(
      sql => sql<{ email: string }[]>`
        select email
        from signet.invitations
        where digest = ${digest} and expires_at > statement_timestamp()`,
    )
    return found?.email ?? null
  },

  redeem: createRedeem(database),
})

/**
 * The second of two requests with one invitation waits for the row and finds it deleted. An invitation of an address that an account has by
 * now is spent too: it could never be redeemed.
 */
const createRedeem =
  (database: Database): Invitations['redeem'] =>
  async ({ digest, email, id, password_digest, roles, language }) => {
    const [row] = await database.run(
      (sql, caller) => sql<(Account | { id: null })[]>`
        with ${inTwoPhases(sql, caller)}
        invitation as (
          delete from signet.invitations
          where email = ${email} and digest = ${digest} and expires_at > statement_timestamp()
          returning email
        ),
        account as (select ${id}::uuid as id from invitation),
        ${claimName(sql, caller, { kind: 'email', value: email })}
        opened as (
          insert into signet.users as u (id, email, password_digest, roles, language, email_verified_at)
          select ${id}::uuid, ${email}, ${password_digest}, ${roles}::text[], ${language}, statement_timestamp()
          from claimant
          on conflict do nothing
          returning ${accountColumns(sql)}
        ),
        ${writeEventsOf(sql, caller, id, [
          { kind: 'account.registered', from: sql`opened`, user_id: sql`opened.id` },
        ])}
        select opened.*
        from invitation
        left join opened on true`,
    )
    if (row === undefined) return null
    return row.id === null ? 'taken' : row
  }
