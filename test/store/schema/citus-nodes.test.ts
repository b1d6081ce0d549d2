import { loadModule } from 'libpg-query'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PLACEMENTS } from '../../../src/store/schema/distribution.ts'
import { createDatabaseWithSchema, hasCitus } from '../../support/backends.ts'
import { findSpread, isHalfCommitted } from '../../support/citus/nodes.ts'
import { readPlan } from '../../support/citus/plan.ts'
import { countPrepared, openSentCommands } from '../../support/citus/sent-commands.ts'

const P = `'00000000-0000-7000-8000-000000000001'::uuid`
const RENAMED = `renamed as (update signet.users set name = 'new' where id = ${P} returning id as user_id)`
const PERSON = `(select id as user_id from signet.users where id = ${P}) person`
const NOTED = `noted as (
  insert into signet.revocations (kind, value, expires_at) select 'sub', user_id::text, now() from renamed
)`
const FORGOTTEN = `forgotten as (delete from signet.consents c using renamed r where c.user_id = ${P} and c.client_id = r.user_id::text)`
const TWO_PHASES = 'two_phases as (delete from signet.two_phase_commits)'

/** Statements that need every node, each with the table whose rows are sent to all of them. */
const ON_EVERY_NODE: readonly (readonly [string, string])[] = [
  [
    'unplaced_events',
    `with ${RENAMED} insert into signet.unplaced_events (user_id, id) select user_id, user_id from renamed`,
  ],
  [
    'unplaced_events',
    `with ${RENAMED}, drawn as (
        insert into signet.unplaced_events (user_id, id)
        select user_id, gen_random_uuid() from ${PERSON} join renamed using (user_id)
      )
      select user_id from renamed`,
  ],
  [
    'events',
    `with ${RENAMED}, written as (
        insert into signet.events (user_id, kind) select user_id, 'a' from ${PERSON} join renamed using (user_id)
      )
      select user_id from renamed`,
  ],
]

const ON_ONE_NODE: readonly string[] = [
  `with ${RENAMED}, written as (
      insert into signet.unplaced_events as w (user_id, id)
      select user_id, user_id from ${PERSON} join renamed using (user_id)
      returning w.user_id
    )
    select user_id from written`,
  `with ${RENAMED}, drawn as materialized (select user_id, gen_random_uuid() as id, clock_timestamp() as at from renamed),
    written as (
      insert into signet.events (user_id, id, at, kind) select user_id, id, at, 'a' from ${PERSON} join drawn using (user_id)
    )
    select user_id from renamed`,
  `insert into signet.consents (user_id, client_id, granted) values (${P}, 'a', '{}')`,
]

/** Statements that change rows of a person and of the coordinator. */
const IN_ONE_PHASE = `with ${RENAMED}, ${NOTED} select user_id from renamed`
const IN_TWO_PHASES = `with ${TWO_PHASES}, ${RENAMED}, ${NOTED} select user_id from renamed`

describe('a statement of one person', () => {
  beforeAll(() => loadModule())

  it.each(ON_EVERY_NODE)('sends rows of %s to every node: %s', (table, text) => {
    expect(findSpread(text, PLACEMENTS)).toEqual([table])
  })

  it.each(ON_ONE_NODE)('needs one node: %s', text => {
    expect(findSpread(text, PLACEMENTS)).toEqual([])
  })

  it('commits by halves where it changes rows of the coordinator too, unless it changes a managed table', () => {
    expect(isHalfCommitted(IN_ONE_PHASE, PLACEMENTS)).toBe(true)
    expect(isHalfCommitted(IN_TWO_PHASES, PLACEMENTS)).toBe(false)
    expect(isHalfCommitted(`with ${RENAMED}, ${FORGOTTEN} select user_id from renamed`, PLACEMENTS)).toBe(
      false,
    )
    expect(isHalfCommitted('delete from signet.revocations', PLACEMENTS)).toBe(false)
  })
})

describe.skipIf(!hasCitus)('a real Citus', () => {
  let own: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let coordinator: ReturnType<typeof openSentCommands>
  beforeAll(async () => {
    own = await createDatabaseWithSchema()
    coordinator = openSentCommands(own.url)
    await coordinator.sql.unsafe(`insert into users (id, email, name, roles) values (${P}, 'a', 'old', '{}')`)
  })
  afterAll(async () => {
    await coordinator.close()
    await own.drop()
  })
  const planOf = (text: string) => readPlan(coordinator.sql, { text, parameters: [] })

  it.each(ON_EVERY_NODE)('sends rows of %s to every node: %s', async (_, text) => {
    expect((await planOf(text)).isSpread).toBe(true)
  })

  it.each(ON_ONE_NODE)('needs one node: %s', async text => {
    expect((await planOf(text)).isSpread).toBe(false)
  })

  const preparedBy = async (text: string): Promise<number> => {
    const sent = await coordinator.sentBy(sql => sql.unsafe(text.replaceAll('signet.', '')))
    await coordinator.sql`delete from revocations`
    return countPrepared(sent)
  }

  it('commits in two phases, on one worker, where a managed table is changed, and in one where none is', async () => {
    expect(await preparedBy(IN_ONE_PHASE)).toBe(0)
    expect(await preparedBy(IN_TWO_PHASES)).toBe(1)
  })
})
