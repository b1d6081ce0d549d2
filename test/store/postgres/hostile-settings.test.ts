import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../../src/store/open-store.ts'
import { refreshTokens, signIn, signUp } from '../../support/accounts/account-api.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { openDatabase } from '../../support/database.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { seedFamily } from '../../support/families.ts'
import { isActive, refresh, rotated } from '../../support/refresh.ts'
import { findPgBouncer, type Service, startPgBouncer } from '../../support/services/services.ts'

/** Each of these settings changes an answer of Postgres, in text, in time or in effect. */
const HOSTILE = {
  DateStyle: 'German, DMY',
  bytea_output: 'escape',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kathmandu',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  search_path: 'nowhere',
  extra_float_digits: '-10',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  lock_timeout: '1',
  statement_timeout: '1',
  idle_in_transaction_session_timeout: '1',
  client_encoding: 'LATIN1',
  xmlbinary: 'hex',
  lc_monetary: 'C',
} as const

/** The settings that docs/deploy.md demands for the role behind PgBouncer. */
const BEHIND_POOLER = {
  default_transaction_isolation: 'read committed',
  statement_timeout: '4s',
  idle_in_transaction_session_timeout: '5s',
  lock_timeout: '0',
  search_path: 'pg_catalog',
  extra_float_digits: '1',
  array_nulls: 'on',
} as const

const setDefaults = async (url: string, settings: Readonly<Record<string, string>>) => {
  const admin = openDatabase({ url, pool_size: 1 })
  const name = new URL(url).pathname.slice(1)
  for (const [setting, value] of Object.entries(settings))
    await admin.sql.unsafe(
      `alter database ${name} set ${setting} = ${setting === 'search_path' ? value : `'${value}'`}`,
    )
  await admin.close()
}

const STORE = { DATABASE_SCHEMA: 'public', DATABASE_POOL_SIZE: 1, DATA_DIR: '.' }

describe.skipIf(!hasPostgres || !hasRedis).each([
  ['directly', false],
  ['through PgBouncer', true],
])('a database with hostile defaults, %s', (_, isPooled) => {
  let deployment: Deployment
  let bouncer: Service | null = null
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    const url = deployment.environment['DATABASE_URL'] ?? ''
    await setDefaults(url, { ...HOSTILE, ...(isPooled ? BEHIND_POOLER : {}) })
    if (isPooled) bouncer = await startPgBouncer(url)
    signet = await deployment.start(bouncer ? { environment: { DATABASE_URL: bouncer.url } } : {})
  })
  afterAll(async () => {
    await deployment.close()
    await bouncer?.stop()
  })
  const isLeftOut = () => isPooled && findPgBouncer() === null

  it('registers, signs in, refreshes, shows and ends a sign-in, with the right times', async () => {
    if (isLeftOut()) return
    const before = Date.now() - 2000
    const isNow = (text: unknown) => {
      const time = typeof text === 'number' ? text * 1000 : Date.parse(String(text))
      return time >= before && time <= Date.now() + 2000
    }
    const email = `ann-${isPooled}@b.example`
    await signUp(signet, email)
    const body = await signIn(signet, email)
    const me = await signet.ask('/auth/me', { token: body.access_token })
    expect(me.body['email']).toBe(email)
    expect(isNow(me.body['created_at'])).toBe(true)
    const refreshed = await refreshTokens(signet, body)
    expect(refreshed.status).toBe(200)
    const { access_token: token } = refreshed.body
    const seconds = refreshed.body.refresh_token_expires_in
    expect(Math.abs(seconds - 604_800)).toBeLessThan(5)
    const { sessions } = (await signet.ask('/auth/sessions', { token })).body
    expect(sessions).toHaveLength(2)
    for (const { created_at, last_used_at } of sessions)
      expect([isNow(created_at), isNow(last_used_at)]).toEqual([true, true])
    const exported = await signet.ask('/auth/me/export', { token })
    expect(exported.text).toContain(email)
    expect((await signet.ask('/auth/logout', { body: { everywhere: true }, token })).status).toBe(204)
    expect((await signet.ask('/auth/me', { token })).status).toBe(401)
  })

  it('answers a retry with the living successor, ends a reused family, and puts the ending into the feed', async () => {
    if (isLeftOut()) return
    const family = await seedFamily(deployment)
    const bystander = await seedFamily(deployment)
    const retry = { key: 'an-attempt-of-this-client' }
    const first = await refresh(signet, family.refresh_token, retry)
    const second = await refresh(signet, family.refresh_token, retry)
    expect(second.body.refresh_token).toBe(first.body.refresh_token)
    const third = await rotated(signet, second.body.refresh_token)
    expect((await refresh(signet, family.refresh_token)).body.error).toBe('invalid_grant')
    expect((await refresh(signet, third)).body.error).toBe('invalid_grant')
    expect(await isActive(signet, first.body.access_token)).toBe(false)
    const alive = await refresh(signet, bystander.refresh_token)
    expect(await isActive(signet, alive.body.access_token)).toBe(true)
  })

  it('lets one of many concurrent refreshes win', async () => {
    if (isLeftOut()) return
    const family = await seedFamily(deployment)
    const answers = await Promise.all(Array.from({ length: 40 }, () => refresh(signet, family.refresh_token)))
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    expect(answers.filter(({ status }) => status >= 500)).toEqual([])
  })
})

describe.skipIf(!hasPostgres || !hasRedis)('a database that Signet cannot serve on', () => {
  it.each([
    [{ default_transaction_read_only: 'on' }, /default_transaction_read_only = on/],
    [{ session_replication_role: 'replica' }, /session_replication_role = replica/],
  ])('is refused at the start in one line: %j', async (settings, line) => {
    const deployment = await openDeployment()
    const url = deployment.environment['DATABASE_URL'] ?? ''
    await setDefaults(url, settings)
    const opening = openStore({ ...STORE, DATABASE_URL: url })
    await expect(opening).rejects.toMatchObject({ lines: [expect.stringMatching(line)] })
    await deployment.close()
  })

  it.skipIf(findPgBouncer() === null)(
    'learns once which parameters a PgBouncer refuses, also with many connections',
    async () => {
      const deployment = await openDeployment()
      const bouncer = await startPgBouncer(deployment.environment['DATABASE_URL'] ?? '')
      const database = openDatabase({ url: bouncer?.url ?? '', pool_size: 60 })
      await expect(database.ping()).resolves.toBeUndefined()
      expect(database.load().statements).toBe(0)
      await database.close()
      await bouncer?.stop()
      await deployment.close()
    },
  )

  it.skipIf(findPgBouncer() === null)(
    'is refused behind a PgBouncer that does not set the isolation level',
    async () => {
      const deployment = await openDeployment()
      const url = deployment.environment['DATABASE_URL'] ?? ''
      await setDefaults(url, {
        default_transaction_isolation: 'repeatable read',
        search_path: 'nowhere, pg_catalog',
      })
      const bouncer = await startPgBouncer(url)
      const opening = openStore({ ...STORE, DATABASE_URL: bouncer?.url ?? '' })
      await expect(opening).rejects.toMatchObject({
        lines: [expect.stringContaining("default_transaction_isolation = 'repeatable read'")],
      })
      await bouncer?.stop()
      await deployment.close()
    },
  )
})
