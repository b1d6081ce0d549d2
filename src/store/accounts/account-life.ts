import {
  type KeptAccount,
  type KeptData,
  type SessionRecord,
  SIGN_INS_AT_MOST,
  type SignInRecord,
} from '../../domain/account/account-export.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { AccountLife } from '../../ports/accounts.ts'
import type { Database } from '../postgres/index.ts'
import { personColumns } from '../schema/account-columns.ts'
import { deletePerson } from './delete-person.ts'

export const createAccountLife = (database: Database, { access_token_seconds }: Lifetimes): AccountLife => ({
  delete: ({ id, credential_epoch }) =>
    deletePerson(database, { id, credential_epoch, access_token_seconds }),

  listSignIns: account_id =>
    database.run(
      sql => sql<SignInRecord[]>`
        select
          id, client_id, scope, amr, created_at, coalesce(rotated_at, created_at) as last_used_at,
          least(idle_expires_at, expires_at) as expires_at, revoked_at, revoke_reason, last_ip, last_user_agent
        from signet.refresh_families
        where user_id = ${account_id}
        order by created_at desc, id desc
        limit ${SIGN_INS_AT_MOST}`,
    ),

  findKept: async account_id => {
    const [kept] = await database.run(
      sql => sql<KeptAccount[]>`
        select u.external_id, u.language, ${personColumns(sql)}
        from signet.users u
        where u.id = ${account_id}`,
    )
    return kept ?? null
  },

  listBrowserSessions: account_id =>
    database.run(
      sql => sql<SessionRecord[]>`
        select
          id, amr, auth_time, created_at, least(idle_expires_at, expires_at) as expires_at, last_ip, last_user_agent
        from signet.browser_sessions
        where user_id = ${account_id}
        order by created_at desc, id desc
        limit ${SIGN_INS_AT_MOST}`,
    ),

  listConsents: account_id =>
    database.run(
      sql => sql<KeptData<unknown>['consents']>`
        select client_id, granted, granted_at
        from signet.consents
        where user_id = ${account_id}
        order by client_id`,
    ),
})
