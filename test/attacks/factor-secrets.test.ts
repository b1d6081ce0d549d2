import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp, trySignIn } from '../support/accounts/account-api.ts'
import { createAuthenticator } from '../support/accounts/authenticator.ts'
import { asOwner, codesOf, second } from '../support/accounts/factors.ts'
import { hasPostgres } from '../support/backends.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { createClock } from '../support/effects.ts'

const EMAIL = 'ada@secrecy.example'
const TABLES = ['totp_factors', 'recovery_codes', 'passkeys', 'ceremonies']

describe.skipIf(!hasPostgres)('the secrets of second factors', () => {
  const time = createClock()
  let deployment: Deployment
  let signet: Instance
  const secrets: string[] = []
  beforeAll(async () => {
    deployment = await openDeployment([])
    signet = await deployment.start({ clock: time.clock })
    const tokens = await signUp(signet, EMAIL)
    const { access_token: token } = tokens
    const { body: begun } = await signet.ask('/auth/factors/totp', asOwner(tokens))
    const code = codesOf(begun.secret, time)
    const enrolment = { handle: begun.handle, totp: code() }
    const { body: given } = await signet.ask('/auth/factors/totp/confirm', { body: enrolment, token })
    time.advance(30)
    const { body: first } = await trySignIn(signet, EMAIL)
    const { body: entered } = await second(signet, first.handle, { totp: code() })
    const { body: asked } = await signet.ask('/auth/factors/passkeys', asOwner(entered))
    const passkey = createAuthenticator().create(asked.passkey)
    await signet.ask('/auth/factors/passkeys/confirm', {
      body: { handle: asked.handle, passkey },
      token: entered.access_token,
    })
    // A sign-in with wrong and right proofs, and one that is begun and not finished.
    const { body: left } = await trySignIn(signet, EMAIL)
    const [recovery_code = '', guessed = ''] = given.recovery_codes
    await second(signet, left.handle, { totp: '918273' })
    await second(signet, left.handle, { recovery_code })
    await second(signet, left.handle, { recovery_code: guessed })
    const { body: open } = await trySignIn(signet, EMAIL)
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
    await deployment.close()
  })

  it('are in no line of the log', () => {
    const written = JSON.stringify(signet.lines)
    expect(signet.lines.length).toBeGreaterThan(10)
    expect(secrets.length).toBeGreaterThan(20)
    expect(secrets.filter(secret => written.includes(secret))).toEqual([])
    expect(written).toContain('AUTH_SECOND_FACTOR_INVALID')
    expect(signet.lines).toContainEqual(
      expect.objectContaining({
        level: 'info',
        path: '/auth/login',
        status: 401,
        error: 'AUTH_SECOND_FACTOR_REQUIRED',
        reason: 'second_factor_required',
      }),
    )
  })

  it('are not readable in the database, except challenges, which are worthless without the private key', async () => {
    const { database } = deployment
    const rows = await Promise.all(
      TABLES.map(table => database.sql`select t::text as row from ${database.sql(table)} t`),
    )
    const written = JSON.stringify(rows)
    expect(rows.every(table => table.length > 0)).toBe(true)
    const hex = (text: string) => Buffer.from(text).toString('hex')
    expect(secrets.filter(secret => secret.length > 6 && written.includes(secret))).toEqual([])
    expect(secrets.filter(secret => secret.length > 6 && written.includes(hex(secret)))).toEqual([])
  })
})

const withoutGaps = (code: string) => code.replaceAll('-', '')
