import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { signInsEnded, writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { isFamily, toldColumns } from '../schema/family-predicates.ts'
import { writeSignInEntries } from './feed-entries.ts'
import {
  createFindAnswered,
  createFindCurrent,
  createFindLiving,
  createFindOwner,
  createNameOwner,
} from './find-families.ts'
import { createEndGrouped, createListGrouped } from './grouped-families.ts'
import { createOpenFamily } from './open-family.ts'
import { createJudgeToken, createRotateFamily } from './rotate-family.ts'
import { createStepUpFamily } from './step-up-family.ts'

export const createRefreshFamilies = (database: Database, lifetimes: Lifetimes): RefreshFamilies => ({
  open: createOpenFamily(database, lifetimes),
  findOwner: createFindOwner(database),
  findLiving: createFindLiving(database),
  stepUp: createStepUpFamily(database, lifetimes),
  rotate: createRotateFamily(database, lifetimes),
  judge: createJudgeToken(database, lifetimes),
  end: createEnd(database, lifetimes),
  list: createListGrouped(database),
  endSignIn: createEndGrouped(database, lifetimes),
  findCurrent: createFindCurrent(database),
  findAnswered: createFindAnswered(database),
})

const createEnd = (database: Database, { access_token_seconds }: Lifetimes): RefreshFamilies['end'] => {
  const nameOwner = createNameOwner(database)
  return async ({ salt, client_id, reason, family_id, user_id }) => {
    const named = await nameOwner({ family_id, user_id })
    if (named === null) return null
    const [family] = await database.run(
      (sql, caller) => sql<{ user_id: string; client_id: string; has_ended: boolean }[]>`
        with ${inTwoPhases(sql, caller)}
        ended as (
          update signet.refresh_families f
          set revoked_at = statement_timestamp(), revoke_reason = ${reason}
          where ${isFamily(sql, named)}
            and f.revoked_at is null
            and f.salt = coalesce(${salt}::bytea, f.salt)
            and f.client_id = coalesce(${client_id}::text, f.client_id)
          returning ${toldColumns(sql)}
        ),
        ${writeSignInEntries(sql, access_token_seconds)},
        ${writeEventsOf(sql, caller, named.user_id, [signInsEnded(sql, reason)])}
        select f.user_id, f.client_id, exists (select from ended) as has_ended
        from signet.refresh_families f
        where ${isFamily(sql, named)}
          and f.salt = coalesce(${salt}::bytea, f.salt)
          and f.client_id = coalesce(${client_id}::text, f.client_id)`,
      `family:${family_id}`,
    )
    return family ?? null
  }
}
