import { NIL_UUID } from '../domain/base/uuid.ts'
import { LOST_DEVICE_EPOCHS } from '../domain/sign-in/device-token.ts'
import { placeAll } from './events/place-events.ts'
import { writeEvents } from './events/write-events.ts'
import { writeLogoutNoticesOfPerson } from './families/logout-notices.ts'
import { PRIMARY_KEYS } from './janitor.ts'
import type { Database } from './postgres/index.ts'
import { inTwoPhases } from './schema/caller-forms.ts'
import { isLivingFamily, isUnmarked, toldColumns } from './schema/family-predicates.ts'

/** The result of one statement. */
type Step = Readonly<{ accounts: number; sign_ins: number; last_id: string | null }>

export type Restored = Readonly<{ accounts: number; sign_ins: number; links: number; ceremonies: number }>

/**
 * Numbers of the stream of events that a restore skips, more than the lost past has given. No number is then given twice, so that a follower
 * or a receiver that remembers a number of the lost past takes no new event for a known one.
 */
const SKIPPED_NUMBERS = 1_000_000_000

/** Rows of one statement, which must end within four seconds on a freshly restored database with cold caches. */
const BATCH_ROWS = 500

/**
 * Ours – Ends what a restore has revived: every sign-in, browser session and code, by the credential epoch of its account, every known
 * device, every mailed link and invitation, and every ceremony under way. An event, `database.restored`, says so in the stream. Each statement
 * is atomic. An interrupted run is repeated from the start; that also ends the few sign-ins since the restore, which is acceptable.
 */
export const endRestored = async (database: Database): Promise<Restored> => {
  const links = (await empty(database, 'email_links')) + (await empty(database, 'invitations'))
  const ceremonies = await empty(database, 'ceremonies')
  let [accounts, sign_ins, last_id]: [number, number, string | null] = [0, 0, NIL_UUID]
  while (last_id !== null) {
    const step: Step = await raiseEpochs(database, last_id)
    accounts += step.accounts
    sign_ins += step.sign_ins
    last_id = step.last_id
  }
  await tellRestored(database, { accounts, sign_ins })
  await placeAll(database)
  return { accounts, sign_ins, links, ceremonies }
}

const tellRestored = async (
  database: Database,
  { accounts, sign_ins }: Pick<Restored, 'accounts' | 'sign_ins'>,
): Promise<void> => {
  await database.run(
    (sql, caller) => sql`
      with ${inTwoPhases(sql, caller)}
      skipped as (
        update signet.event_head set number = number + ${SKIPPED_NUMBERS}::int where id = 1
      ),
      ${writeEvents(sql, caller.origin, [
        {
          kind: 'database.restored',
          from: sql`(values (1)) one`,
          details: sql`jsonb_build_object('accounts', ${accounts}::int, 'sign_ins', ${sign_ins}::int)`,
        },
      ])}
      select`,
  )
}

const raiseEpochs = async (database: Database, after: string): Promise<Step> => {
  const [step] = await database.run(
    (sql, caller) => sql<Step[]>`
      with ${inTwoPhases(sql, caller)}
      batch as materialized (
        select id
        from signet.users
        where id > ${after}::uuid
        order by id
        limit ${BATCH_ROWS}
      ),
      raised as (
        update signet.users u
        set credential_epoch = u.credential_epoch + 1,
          epoch_raised_at = statement_timestamp(),
          device_epoch = u.device_epoch + ${LOST_DEVICE_EPOCHS}::int
        from batch
        where u.id = batch.id
        returning u.id, u.credential_epoch - 1 as former_epoch
      ),
      ended as materialized (
        select ${toldColumns(sql)}
        from signet.refresh_families f
        join raised on raised.id = f.user_id and raised.former_epoch = f.credential_epoch
        where f.logout_notice is not null and ${isUnmarked(sql)}
      ),
      ${writeLogoutNoticesOfPerson(sql)}
      select
        (select count(*) from raised)::int as accounts,
        (
          select count(*)
          from signet.refresh_families f
          join raised on raised.id = f.user_id and raised.former_epoch = f.credential_epoch
          where ${isLivingFamily(sql)}
        )::int as sign_ins,
        (select id::text from batch order by id desc limit 1) as last_id`,
  )
  if (step === undefined) throw new Error('the statement that ends restored sign-ins returned no row')
  return step
}

/** Deletes every row of a table, in batches. */
const empty = async (
  database: Database,
  table: 'email_links' | 'invitations' | 'ceremonies',
): Promise<number> => {
  let rows = 0
  for (;;) {
    const gone = await database.run(sql => {
      const key = sql.unsafe(PRIMARY_KEYS[table])
      return sql`
        delete from signet.${sql(table)}
        where (${key}) in (select ${key} from signet.${sql(table)} limit ${BATCH_ROWS})`
    })
    rows += gone.count
    if (gone.count === 0) return rows
  }
}
