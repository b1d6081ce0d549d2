import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { judgeEventMonths } from '../../../src/compose/findings/services.ts'
import { DEFAULT_SCHEMA } from '../../../src/domain/base/postgres-url.ts'
import type { EventPreparation } from '../../../src/store/partitions/event-months.ts'
import { historyOf } from '../../../src/store/schema/history.ts'
import { hasCitus, hasPostgres } from '../../support/backends.ts'
import { type Deployment, openDeployment } from '../../support/deployment.ts'
import { freePort } from '../../support/services/services.ts'
import { writeUpstreams } from '../../support/upstream/upstreams.ts'

describe('what a running server finds of itself', () => {
  let deployment: Deployment
  beforeAll(async () => {
    deployment = await openDeployment()
  })
  afterAll(() => deployment.close())

  const foundBy = async (environment: Readonly<Record<string, string>> = {}) => {
    const signet = await deployment.start({ environment })
    onTestFinished(() => signet.close())
    const of = async (check: string) => (await signet.findings()).find(each => each.check === check)
    return { signet, of }
  }

  it('is a finding for each check, with what to do about a fault', async () => {
    const { signet } = await foundBy()
    const findings = await signet.findings()
    // On Citus, the database has a line for each need of the cluster.
    const checks = [...new Set(findings.map(({ check }) => check))]
    expect(checks).toEqual(['database', 'migrations', 'events', 'redis', 'keys', 'mail', 'proxies'])
    expect(findings.filter(({ outcome }) => outcome === 'fault')).toEqual([])
  })

  it.skipIf(!hasCitus)('says of a distributed database what the doctor says', async () => {
    const { signet } = await foundBy({ REFRESH_TOKEN_VERSION: '1' })
    const findings = await signet.findings()
    const ofDatabase = findings.filter(({ check }) => check === 'database')
    expect(ofDatabase.map(({ detail }) => detail)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('enough for'),
        expect.stringContaining('the tables are distributed over'),
        expect.stringContaining('REFRESH_TOKEN_VERSION is 1'),
      ]),
    )
  })

  it.skipIf(!hasPostgres)('warns of an index that signetd migrate has not built yet', async () => {
    const { of } = await foundBy()
    const { sql } = deployment.database
    await sql`drop index users_disabled_index`
    const found = await of('migrations')
    await sql`create index users_disabled_index on users using btree (id) where disabled_at is not null`
    expect(found).toMatchObject({
      outcome: 'warning',
      detail: expect.stringContaining('users_disabled_index'),
      advice: expect.stringContaining('run signetd migrate'),
    })
    expect(await of('migrations')).toMatchObject({ outcome: 'ok' })
  })

  it('warns of forwarded headers that were not believed, with the peer, and of none that were', async () => {
    const { signet, of } = await foundBy()
    const ask = (from: string) =>
      signet.fetch('/.well-known/jwks.json', { headers: { 'x-forwarded-for': '192.0.2.1' } }, from)
    await ask('127.0.0.1')
    expect(await of('proxies')).toMatchObject({ outcome: 'ok' })
    await ask('198.51.100.7')
    expect(await of('proxies')).toMatchObject({
      outcome: 'warning',
      detail: expect.stringContaining('198.51.100.7, which TRUSTED_PROXIES does not hold'),
      advice: expect.stringContaining('add it to TRUSTED_PROXIES'),
    })
  })

  it('tells that a file has faults by now, which a reload would refuse', async () => {
    const upstreams = writeUpstreams([])
    onTestFinished(() => upstreams.remove())
    const { of } = await foundBy(upstreams.environment)
    expect(await of('upstreams')).toMatchObject({ outcome: 'ok' })
    writeFileSync(upstreams.file, 'no JSON')
    expect(await of('upstreams')).toMatchObject({
      outcome: 'fault',
      detail: expect.stringContaining('UPSTREAMS_FILE'),
    })
  })

  it('tells that the mail server is away', async () => {
    const { of } = await foundBy({
      SMTP_URL: `smtp://127.0.0.1:${await freePort()}`,
      MAIL_FROM: 'a@b.example',
    })
    expect(await of('mail')).toMatchObject({
      outcome: 'fault',
      detail: expect.stringMatching(/^SMTP_URL: /),
    })
  })

  describe.runIf(hasPostgres)('on Postgres', () => {
    it('tells that a pool is larger than what Postgres has, and a database that has another schema by now', async () => {
      const { of } = await foundBy({ DATABASE_POOL_SIZE: '1' })
      expect(await of('database')).toMatchObject({
        outcome: 'ok',
        detail: expect.stringContaining('enough for'),
      })
      const history = historyOf(deployment.environment['DATABASE_SCHEMA'] ?? DEFAULT_SCHEMA)
      const { sql } = deployment.database
      await sql`insert into ${sql(history)} (hash, created_at) values ('a newer one', 9999999999999)`
      expect(await of('migrations')).toMatchObject({ outcome: 'fault' })
      await sql`delete from ${sql(history)} where created_at = 9999999999999`
      expect(await of('migrations')).toMatchObject({ outcome: 'ok' })
    })
  })
})

describe('the finding about the months of events', () => {
  const judge = (months_ahead: number, more: Partial<EventPreparation> = {}) =>
    judgeEventMonths({ months_ahead, may_change: false, has_late_rows: false, ...more })

  it('is a warning below two months, with what the role of the server leaves to the operator', () => {
    expect(judge(2)).toEqual({ fault: null, note: expect.stringContaining('2 months ahead') })
    expect(judge(1)).toMatchObject({
      isWarning: true,
      note: expect.stringContaining('one month ahead'),
      advice: expect.stringMatching(/^run signetd migrate/),
    })
    expect(judge(0, { may_change: true })).toMatchObject({
      isWarning: true,
      note: expect.stringContaining('no month ahead'),
      advice: expect.stringMatching(/^the server prepares them every hour/),
    })
  })

  it('is a warning, too, where events came for which no month was prepared', () => {
    expect(judge(12, { has_late_rows: true })).toMatchObject({
      isWarning: true,
      note: expect.stringContaining('default partition'),
    })
    expect(judgeEventMonths(null)).toEqual({ fault: null })
  })
})
