import postgres, { type Sql } from 'postgres'
import { describe, expect } from 'vitest'
import { errorCodeOf } from '../../src/domain/base/error-code.ts'
import { itSurvives, itSurvivesOn, lasting, lastingUnanswered } from '../support/faults/fault.ts'
import { reportNote } from '../support/faults/report.ts'
import { POOL_SIZE } from '../support/faults/stage.ts'
import { startWithStandby } from '../support/faults/with-standby.ts'

const REQUESTS = 30
/** Shorter than statement_timeout, so that those who wait for the row are answered too. */
const LOCKED_SECONDS = 2

describe('Postgres', () => {
  itSurvives('every connection is taken for five seconds', async ({ database, url }) => {
    const admin = await database.sql.reserve()
    const taken: Sql[] = []
    const take = async () => {
      const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: 'thief' } })
      taken.push(sql)
      await sql`select 1`
    }
    const isFull = () =>
      take().then(
        () => false,
        error => errorCodeOf(error) === '53300',
      )
    await expect.poll(isFull, { interval: 1, timeout: 20_000 }).toBe(true)
    await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'signetd'`
    // The places of those that were ended are taken too.
    for (let turn = 0; turn < 2 * POOL_SIZE; turn++) await isFull()
    await lasting(5)
    await Promise.all(taken.map(sql => sql.end({ timeout: 1 })))
    admin.release()
  })

  itSurvives(
    `${REQUESTS} requests for one locked sign-in at each instance`,
    async ({ database, instances, seed }, history) => {
      const family = await seed()
      const rate = async () => {
        const before = history.acknowledged()
        await lasting(LOCKED_SECONDS)
        return (history.acknowledged() - before) / LOCKED_SECONDS
      }
      const free = await rate()
      const holder = await database.sql.reserve()
      await holder`begin`
      await holder`select from refresh_families where id = ${family.id} for no key update`
      const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: family.refresh_token }
      const asked = instances.flatMap(({ ask }) =>
        Array.from({ length: REQUESTS }, () =>
          ask('/token', { form, headers: { 'Idempotency-Key': 'one' } }),
        ),
      )
      const locked = await rate()
      await holder`commit`
      holder.release()
      const statuses = (await Promise.all(asked)).map(({ status }) => status)
      reportNote(`beside a locked sign-in: ${locked} answers a second, ${free} before`)
      expect(statuses.filter(status => status !== 200 && status !== 503)).toEqual([])
    },
  )

  itSurvivesOn(
    startWithStandby,
    'the standby that confirms every commit hangs for seven seconds',
    async (_stage, history, { hang }) => {
      const goOn = await hang()
      await lasting(1)
      await lastingUnanswered(history, 6)
      goOn()
    },
  )
})
