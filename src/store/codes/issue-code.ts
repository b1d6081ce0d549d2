import { CODE_SECONDS } from '../../domain/authorization/authorization-code.ts'
import type { AuthorizationCodes } from '../../ports/authorization.ts'
import { jsonText } from '../families/open-family.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases, ofPerson } from '../schema/caller-forms.ts'
import { decidingSession } from './deciding-session.ts'

/**
 * RFC 6749 §4.1.2 – Issues a code. `session` gives the session as it is now, which the code is bound to, and is empty unless everything
 * that the code depends on lives. The account's row is held: a deletion under way is waited for. The redemption judges all of it again.
 * Of two codes that answer one pushed request the second waits for the first, and finds the row gone.
 */
export const createIssueCode =
  (database: Database): AuthorizationCodes['issue'] =>
  async ({ user_id, client_id, consent_version, pushed_request, ...code }) => {
    const issued = await database.run(
      (sql, caller) => sql`
        with ${inTwoPhases(sql, caller)}
        ${decidingSession(sql, { user_id, session_id: code.session_id, client_id, consent_version })},
        consumed as (
          delete from signet.pushed_requests p
          using session
          where p.digest = ${pushed_request}::bytea and p.client_id = ${client_id}
          returning p.digest
        )
        insert into signet.authorization_codes as code (
          user_id, digest, session_id, credential_epoch, auth_time, amr, client_id, redirect_uri, code_challenge, dpop_jkt,
          scope, audience, nonce, consent_version, is_refreshable, expires_at, claims
        )
        select
          user_id, ${code.digest}, ${code.session_id}, credential_epoch, auth_time, amr, ${client_id}, ${code.redirect_uri},
          ${code.code_challenge}, ${code.dpop_jkt}, ${code.scope}, ${code.audience}::text[], ${code.nonce}, ${consent_version}::int,
          ${code.isRefreshable}::boolean, statement_timestamp() + make_interval(secs => ${CODE_SECONDS}),
          ${jsonText(code.claims)}::text::jsonb
        from ${ofPerson(sql, caller, { user_id, rows: sql`session` })}
        where ${pushed_request}::bytea is null or exists (select from consumed)
        returning code.digest`,
      `account:${user_id}`,
    )
    return issued.length > 0
  }
