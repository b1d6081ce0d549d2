import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshTokens, sidOf, signIn, signUp } from '../../support/accounts/account-api.ts'
import { openDatabase } from '../../support/database.ts'
import { startAt } from '../../support/deployment.ts'
import { type Storage, storages } from '../../support/storage.ts'
import { accounts, parsed } from './support.ts'

/** Postgres where there is one: each command opens the embedded database anew, which takes a second. */
const fastest = storages.slice(-1)
const EMAIL = 'ada@sign-ins.example'

describe.each(fastest)('signetd accounts sign-ins ($name)', ({ create }) => {
  let storage: Storage
  let sids: Readonly<Record<'living' | 'out' | 'reused' | 'idle', string>>
  beforeAll(async () => {
    storage = await create()
    const signet = await startAt(storage)
    const living = await signUp(signet, EMAIL)
    const agent = { 'User-Agent': 'curl/8.5.0' }
    const [out, reused, idle] = [
      await signIn(signet, EMAIL, {}, agent),
      await signIn(signet, EMAIL),
      await signIn(signet, EMAIL),
    ]
    await signet.ask('/auth/logout', { body: { refresh_token: out.refresh_token } })
    await refreshTokens(signet, reused)
    await refreshTokens(signet, reused)
    sids = {
      living: sidOf(living),
      out: sidOf(out),
      reused: sidOf(reused),
      idle: sidOf(idle),
    }
    await signet.close()
    const url = storage.environment['DATABASE_URL']
    if (url === undefined) return
    const database = openDatabase({ url, pool_size: 1 })
    await database.sql`
      update refresh_families set idle_expires_at = now() - interval '1 second' where id = ${sids.idle}`
    await database.close()
  })
  afterAll(() => storage.remove())
  const run = (...words: readonly string[]) => accounts(storage.environment, ['sign-ins', ...words])

  it('lists each sign-in with why it ended, for machines', async () => {
    const said = await run(EMAIL, '--json')
    expect(said.code).toBe(0)
    const [{ sign_ins } = { sign_ins: [] }] = parsed(said)
    const reasons = new Map(
      (sign_ins as readonly Readonly<Record<string, string>>[]).map(({ sid, reason }) => [sid, reason]),
    )
    expect(reasons.get(sids.living)).toBeNull()
    expect([reasons.get(sids.out), reasons.get(sids.reused)]).toEqual(['signed_out', 'reuse'])
    if ('DATABASE_URL' in storage.environment) expect(reasons.get(sids.idle)).toBe('idle')
    expect(sign_ins).toContainEqual({
      sid: sids.out,
      client_id: 'first-party',
      amr: ['pwd'],
      created_at: expect.stringMatching(/Z$/),
      last_used_at: expect.stringMatching(/Z$/),
      ended_at: expect.stringMatching(/Z$/),
      reason: 'signed_out',
      because: 'The person signed out, or ended this sign-in from another one.',
      ip: '127.0.0.1',
      device: expect.any(String),
    })
  })

  it('prints a table whose columns are aligned, with the reasons in words', async () => {
    const { code, out } = await run(EMAIL.toUpperCase())
    const [head = '', ...lines] = out.flatMap(line => line.split('\n'))
    expect([code, lines.length]).toEqual([0, 4])
    const place = head.indexOf('SID')
    expect(new Set(lines.map(line => line.slice(place, place + 36)))).toEqual(new Set(Object.values(sids)))
    expect(lines.find(line => line.includes(sids.reused))).toContain('reuse: A refresh token was presented')
    expect(lines.find(line => line.includes(sids.living))).toMatch(/ no +127\.0\.0\.1 /)
  })

  it('says so for an account that has none, or that does not exist', async () => {
    await accounts(storage.environment, ['create', 'new@sign-ins.example', '--no-password'])
    expect((await run('new@sign-ins.example')).out).toEqual([
      'new@sign-ins.example has no sign-in that is still kept',
    ])
    expect((await run('absent@sign-ins.example')).code).toBe(1)
  })
})
