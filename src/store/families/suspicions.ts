import type { Fragment, ISql } from 'postgres'
import { OWN_ORIGIN } from '../../domain/events/event.ts'
import type { EventKind } from '../../domain/events/event-kinds.ts'
import { END_REASON_OF } from '../../domain/sign-in/refresh-verdict.ts'
import { type EventRows, presentedBy, writeEventsOf } from '../events/write-events.ts'
import type { Caller } from '../postgres/index.ts'
import { writeSignInEntries } from './feed-entries.ts'

/** On `judged`: true for a token that the operator may want to look into. */
export const isSuspicious = (sql: ISql): Fragment => sql`
  (
    judged.verdict in ('reused', 'forged')
    or judged.verdict = 'replayed_within_grace' and coalesce(judged.last_ip <> judged.presented_ip, false)
  )`

type EndingOf = Readonly<{
  /** The person of every token; null: not known, or several people. */
  user_id: string | null
  rotates: boolean
  access_token_seconds: number
}>

/** CTEs that tell the revocation feed of the families that were ended, and write the events of every suspicion. */
export const endingOf = (
  sql: ISql,
  caller: Caller,
  { user_id, rotates, access_token_seconds }: EndingOf,
): Fragment => sql`
  ended as (
    select id, user_id, client_id, logout_notice from changed where revoked_at is not null
  ),
  ${writeSignInEntries(sql, access_token_seconds)},
  ${writeEventsOf(sql, caller, user_id, [suspicions(sql, rotates), endings(sql)])}`

const suspicions = (sql: ISql, rotates: boolean): EventRows => ({
  kind: sql`
    case verdict
      when 'reused' then ${'refresh_token.reused' satisfies EventKind}
      when 'forged' then ${'refresh_token.forged' satisfies EventKind}
      else ${'refresh_token.answered_elsewhere' satisfies EventKind}
    end`,
  from: sql`judged where ${isSuspicious(sql)} and (${rotates} or verdict <> 'replayed_within_grace')`,
  outcome: sql`case when verdict in ('reused', 'forged') then 'refused' else 'succeeded' end`,
  user_id: sql`user_id`,
  client_id: sql`client_id`,
  sid: sql`id`,
  origin: presentedBy(sql, null),
  details: sql`
    jsonb_build_object('presented_generation', presented_generation, 'generation', generation, 'last_ip', last_ip)`,
})

const endings = (sql: ISql): EventRows => ({
  kind: 'sign_in.ended',
  from: sql`ended join judged on judged.id = ended.id`,
  reason: sql`
    case verdict when 'reused' then ${END_REASON_OF.reused} when 'forged' then ${END_REASON_OF.forged} end`,
  user_id: sql`judged.user_id`,
  client_id: sql`judged.client_id`,
  sid: sql`judged.id`,
  origin: presentedBy(sql, OWN_ORIGIN.actor),
})
