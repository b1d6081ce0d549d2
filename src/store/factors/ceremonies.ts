import type { Account } from '../../domain/account/account.ts'
import type { Digest } from '../../domain/base/digest.ts'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import {
  CEREMONY_ATTEMPTS,
  CEREMONY_SECONDS,
  type Ceremony,
  type CeremonyPurpose,
} from '../../domain/factors/ceremony.ts'
import type { Ceremonies } from '../../ports/factors.ts'
import { isNamed } from '../accounts/names.ts'
import type { Database } from '../postgres/index.ts'
import { accountColumns } from '../schema/account-columns.ts'

const PASSKEY_SIGN_IN: CeremonyPurpose = 'passkey_sign_in'

type UnboundCeremony = Omit<Ceremony, 'account'>
type Row = Account & UnboundCeremony

export const createCeremonies = (database: Database): Ceremonies => ({
  // For an account that is being deleted nothing is stored, and no error is raised: the second request finds no ceremony.
  begin: async ({ digest, purpose, account, family_id, client_id, refresh_transport, payload }) => {
    await database.run(
      sql => sql`
        insert into signet.ceremonies (
          digest, purpose, user_id, credential_epoch, family_id, client_id, refresh_transport, payload, expires_at
        )
        select
          ${digest}, ${purpose}, ${account?.id ?? null}::uuid, ${account?.credential_epoch ?? null}::int, ${family_id}::uuid,
          ${client_id}, ${refresh_transport}, ${payload},
          statement_timestamp() + make_interval(secs => ${CEREMONY_SECONDS})
        where ${account === null}
          or exists (select from signet.users where id = ${account?.id ?? null}::uuid for key share)`,
      account === null ? undefined : `account:${account.id}`,
    )
  },

  attempt: async ({ digest, purpose, family_id }) => {
    const person = await findPersonId(database, digest)
    const [row] = await database.run(
      sql => sql<Row[]>`
        with attempted as (
          update signet.ceremonies
          set attempts = attempts + 1
          where digest = ${digest}
            and purpose = ${purpose}
            and family_id is not distinct from ${family_id}
            and attempts < ${CEREMONY_ATTEMPTS}
            and expires_at > statement_timestamp()
          returning user_id, credential_epoch, client_id, refresh_transport, payload
        )
        select ${accountColumns(sql)}, attempted.client_id, attempted.refresh_transport, attempted.payload
        from attempted
        join signet.users u on u.id = attempted.user_id and u.credential_epoch = attempted.credential_epoch
        where u.disabled_at is null and ${isNamed(sql, sql`u.id`, person)}`,
    )
    if (row === undefined) return null
    const { client_id, refresh_transport, payload, ...account } = row
    return { account, client_id, refresh_transport, payload }
  },

  attemptUnbound: async digest => {
    const [ceremony] = await database.run(
      sql => sql<UnboundCeremony[]>`
        update signet.ceremonies
        set attempts = attempts + 1
        where digest = ${digest}
          and purpose = ${PASSKEY_SIGN_IN}
          and attempts < ${CEREMONY_ATTEMPTS}
          and expires_at > statement_timestamp()
        returning client_id, refresh_transport, payload`,
    )
    return ceremony ?? null
  },

  redeem: async digest => {
    const redeemed = await database.run(
      sql => sql`delete from signet.ceremonies where digest = ${digest} returning digest`,
    )
    return redeemed.length > 0
  },
})

/** The person of a ceremony, which never changes, in the form of `findNamed`: NIL_UUID without one, null on one Postgres. */
const findPersonId = async (
  database: Database,
  digest: Digest<'ceremony_handle'>,
): Promise<string | null> => {
  if (!database.isDistributed()) return null
  const [ceremony] = await database.run(
    sql => sql<{ user_id: string | null }[]>`
      select user_id
      from signet.ceremonies
      where digest = ${digest}`,
  )
  return ceremony?.user_id ?? NIL_UUID
}
