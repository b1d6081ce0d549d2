import type { RegistrationTokens } from '../../ports/clients.ts'
import { writeEvents } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'

/** RFC 7591 §1.2 – Initial access tokens. A use is taken by the statement that judges the token. */
export const createRegistrationTokens = (database: Database): RegistrationTokens => ({
  create: async ({ digest, uses, seconds }) => {
    const [created] = await database.run(
      (sql, caller) => sql<{ expires_at: Date }[]>`
        with ${inTwoPhases(sql, caller)}
        created as (
          insert into signet.registration_tokens (digest, uses_left, expires_at)
          values (${digest}, ${uses}, statement_timestamp() + make_interval(secs => ${seconds}))
          returning expires_at
        ),
        ${writeEvents(sql, caller.origin, [{ kind: 'registration_token.created', from: sql`created` }])}
        select expires_at from created`,
    )
    if (created === undefined) throw new Error('the row of an initial access token was not returned')
    return created.expires_at
  },

  spend: async digest => {
    const spent = await database.run(
      sql => sql`
        update signet.registration_tokens
        set uses_left = uses_left - 1
        where digest = ${digest} and uses_left > 0 and expires_at > statement_timestamp()
        returning digest`,
    )
    return spent.length > 0
  },
})
