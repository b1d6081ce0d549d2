import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Signet } from '../../src/compose/index.ts'
import { createPostgresPlace, type Place, startSignet } from '../account-api/support.ts'
import { createAuthenticator } from '../support/authenticator.ts'
import { hasPostgres } from '../support/backends.ts'
import { openDatabase } from '../support/database.ts'
import { createLog } from '../support/log.ts'
import { ask, asOwner, codesOf, createClock, second, signIn, signUp } from './support.ts'

const EMAIL = 'ada@secrecy.example'
const TABLES = ['totp_factors', 'recovery_codes', 'passkeys', 'ceremonies']

describe.skipIf(!hasPostgres)('a second factor', () => {
  const time = createClock()
  const { log, lines } = createLog()
  let place: Place
  let signet: Signet
  const secrets: string[] = []
  beforeAll(async () => {
    place = await createPostgresPlace()
    signet = await startSignet(place, {}, { log, clock: time.clock, wait: async () => {} })
    const tokens = await signUp(signet, EMAIL)
    const { access_token: token } = tokens
    const { body: begun } = await ask(signet, '/auth/factors/totp', asOwner(tokens))
    const code = codesOf(begun.secret, time)
    const enrolment = { handle: begun.handle, totp: code() }
    const { body: given } = await ask(signet, '/auth/factors/totp/confirm', { body: enrolment, token })
    time.advance(30)
    const { body: first } = await signIn(signet, EMAIL)
    const { body: entered } = await second(signet, first.handle, { totp: code() })
    const { body: asked } = await ask(signet, '/auth/factors/passkeys', asOwner(entered))
    const passkey = createAuthenticator().create(asked.passkey)
    await ask(signet, '/auth/factors/passkeys/confirm', {
      body: { handle: asked.handle, passkey },
      token: entered.access_token,
    })
    // Tried with what is wrong, finished, tried again; and one that is begun and not finished.
    const { body: left } = await signIn(signet, EMAIL)
    const [recovery_code = '', guessed = ''] = given.recovery_codes
    await second(signet, left.handle, { totp: '918273' })
    await second(signet, left.handle, { recovery_code })
    await second(signet, left.handle, { recovery_code: guessed })
    const { body: open } = await signIn(signet, EMAIL)
    secrets.push(
      begun.secret,
      begun.handle,
      first.handle,
      asked.handle,
      left.handle,
      open.handle,
      ...given.recovery_codes,
    )
    secrets.push(asked.passkey.challenge, left.passkey.challenge, enrolment.totp, '918273')
    secrets.push(entered.refresh_token, entered.access_token, ...given.recovery_codes.map(withoutGaps))
  })
  afterAll(async () => {
    await signet.close()
    await place.remove()
  })

  it('leaves nothing in the log that would open anything', () => {
    const written = JSON.stringify(lines)
    expect(lines.length).toBeGreaterThan(10)
    expect(secrets.length).toBeGreaterThan(20)
    expect(secrets.filter(secret => written.includes(secret))).toEqual([])
    expect(written).toContain('AUTH_SECOND_FACTOR_INVALID')
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'info',
        path: '/auth/login',
        status: 401,
        error: 'AUTH_SECOND_FACTOR_REQUIRED',
        reason: 'second_factor_required',
      }),
    )
  })

  it('leaves nothing in the database that would open anything, but the challenges, which need the key as well', async () => {
    const database = openDatabase({ url: place.environment['DATABASE_URL'] ?? '', pool_size: 1 })
    const rows = await Promise.all(
      TABLES.map(table => database.sql`select t::text as row from ${database.sql(table)} t`),
    )
    await database.close()
    const written = JSON.stringify(rows)
    expect(rows.every(table => table.length > 0)).toBe(true)
    const hex = (text: string) => Buffer.from(text).toString('hex')
    expect(secrets.filter(secret => secret.length > 6 && written.includes(secret))).toEqual([])
    expect(secrets.filter(secret => secret.length > 6 && written.includes(hex(secret)))).toEqual([])
  })
})

const withoutGaps = (code: string) => code.replaceAll('-', '')
