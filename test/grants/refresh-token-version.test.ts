import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SESSION_TOKEN_TYPE } from '../../src/domain/exchange/session-exchange.ts'
import { TOKEN_EXCHANGE_GRANT } from '../../src/domain/exchange/token-exchange.ts'
import { signUp, trySignUp } from '../support/accounts/account-api.ts'
import { createAccount } from '../support/accounts/account-lines.ts'
import type { Answer } from '../support/answer.ts'
import { newEmail } from '../support/ask.ts'
import { askForCodes, decideOn, meetPerson, TV } from '../support/authorization/devices.ts'
import { issueCode, WEB } from '../support/authorization/exchange.ts'
import { API, basic, CLIENTS, INTROSPECTOR, SECRETS } from '../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../support/deployment.ts'
import { createUser, rowOf, type SeededFamily, seedFamily } from '../support/families.ts'
import {
  createBystanders,
  INVALID_GRANT,
  isActive,
  type RefreshRequest,
  refused,
  rotated,
} from '../support/refresh.ts'
import { type HookReceiver, openHookReceiver, replying } from '../support/services/hook-receiver.ts'

const AGENT = { ...WEB, client_id: 'agent', refresh_grace_seconds: 900 }
const SHOP = {
  client_id: 'shop',
  client_secret: SECRETS.service,
  grant_types: [TOKEN_EXCHANGE_GRANT, 'refresh_token'],
  session_exchange: true,
  scope: 'openid read',
  audience: [API],
}
const versionOf = (token: unknown): number =>
  Buffer.from(String(token).slice('signet_rt_'.length), 'base64url').readUInt8(0)

/** Two instances of one deployment, of which the second issues tokens that name the person. */
describe('REFRESH_TOKEN_VERSION', () => {
  let application: HookReceiver
  let deployment: Deployment
  let first: Instance
  let second: Instance
  beforeAll(async () => {
    application = await openHookReceiver()
    deployment = await openDeployment([...CLIENTS, WEB, AGENT, TV, SHOP])
    const environment = {
      SESSION_VERIFIER_URL: application.url,
      OUTBOUND_ALLOW: '127.0.0.1',
      RATE_LIMIT_USER_CODES: 'off',
      RATE_LIMIT_DEVICE_REQUESTS: 'off',
    }
    first = await deployment.start({ environment })
    second = await deployment.start({ environment: { ...environment, REFRESH_TOKEN_VERSION: '2' } })
  })
  afterAll(async () => {
    await deployment.close()
    await application.close()
  })

  const instances = () => [
    { version: 1, own: first, other: second },
    { version: 2, own: second, other: first },
  ]
  const both = <T>(tell: (of: ReturnType<typeof instances>[number]) => Promise<T>): Promise<readonly T[]> =>
    Promise.all(instances().map(tell))

  describe('decides the token of a new sign-in', () => {
    it('by the account API', async () => {
      const opened = await both(({ own }) => signUp(own, newEmail()))
      expect(opened.map(body => versionOf(body.refresh_token))).toEqual([1, 2])
    })

    it('by a code, whose repetition at the other instance is answered with the same token', async () => {
      const bought = await both(async ({ own, other }) => {
        const { form } = await issueCode(deployment, { client_id: 'web' })
        const headers = { 'idempotency-key': 'redemption' }
        const { body } = await own.token(form, headers)
        const repeated = await other.token(form, headers)
        expect([repeated.status, repeated.body.refresh_token]).toEqual([200, body.refresh_token])
        await rotated(other, body.refresh_token, { client_id: 'web' })
        return versionOf(body.refresh_token)
      })
      expect(bought).toEqual([1, 2])
    })

    it('by a device code, whose repetition at the other instance is answered with the same token', async () => {
      const bought = await both(async ({ own, other }) => {
        const { form, user_code } = await askForCodes(first)
        await decideOn(await meetPerson(first), user_code, 'allow')
        const headers = { 'idempotency-key': 'poll' }
        const { body } = await own.token(form, headers)
        const repeated = await other.token(form, headers)
        expect([repeated.status, repeated.body.refresh_token]).toEqual([200, body.refresh_token])
        await rotated(other, body.refresh_token, { client_id: 'tv' })
        return versionOf(body.refresh_token)
      })
      expect(bought).toEqual([1, 2])
    })

    it.each(['sub', 'external_id'])('by a session whose person the application names by %s', async member => {
      const person = { sub: randomUUID(), external_id: randomUUID() }
      await createAccount(deployment.database, { id: person.sub, external_id: person.external_id })
      for (const { version, own, other } of instances()) {
        const now = Math.floor(Date.now() / 1000)
        const session = { session: randomUUID(), auth_time: now - 10, exp: now + 3600 }
        const named = Object.fromEntries(Object.entries(person).filter(([name]) => name === member))
        application.answerWith(replying(JSON.stringify({ active: true, ...session, ...named })))
        const exchange = (at: Instance) =>
          at.token(
            {
              grant_type: TOKEN_EXCHANGE_GRANT,
              subject_token: 'cookie',
              subject_token_type: SESSION_TOKEN_TYPE,
            },
            { ...basic('shop', SECRETS.service), 'idempotency-key': session.session },
          )
        const { body } = await exchange(own)
        expect(versionOf(body.refresh_token)).toBe(version)
        expect((await exchange(other)).body.refresh_token).toBe(body.refresh_token)
        await rotated(other, body.refresh_token, { headers: basic('shop', SECRETS.service) })
      }
    })
  })

  describe.each([1, 2] as const)('lets a sign-in with tokens of version %i go on in it', token_version => {
    const seed = (client_id = 'app') => seedFamily(deployment, { token_version, client_id })
    const expectLiving = async (family: SeededFamily, token: string, request?: RefreshRequest) => {
      expect((await rowOf(deployment, family.id)).revoked_at).toBeNull()
      expect(versionOf(await rotated(first, await rotated(second, token, request), request))).toBe(
        token_version,
      )
    }

    it('where instances of both settings rotate it in turn', async () => {
      const family = await seed()
      await expectLiving(family, await rotated(first, family.refresh_token))
    })

    it('where the setting has changed between a rotation and its retry', async () => {
      for (const { own, other } of instances()) {
        const family = await seed()
        const next = await rotated(own, family.refresh_token, { key: 'attempt' })
        expect(await rotated(other, family.refresh_token, { key: 'attempt' })).toBe(next)
        expect(await rotated(own, family.refresh_token, { key: 'attempt' })).toBe(next)
        await expectLiving(family, next)
      }
    })

    it('where a token comes again within the grace of its client', async () => {
      for (const { own, other } of instances()) {
        const family = await seed('grace-app')
        const next = await rotated(own, family.refresh_token, { client_id: 'grace-app' })
        expect(await rotated(other, family.refresh_token, { client_id: 'grace-app' })).toBe(next)
        await expectLiving(family, next, { client_id: 'grace-app' })
      }
    })

    it('where tabs that share a cookie refresh at once', async () => {
      const opened = await trySignUp(token_version === 1 ? first : second, newEmail(), {
        refresh_transport: 'cookie',
      })
      const cookieOf = ({ headers }: Answer) =>
        headers
          .getSetCookie()
          .map(cookie => cookie.split(';')[0])
          .join('; ')
      const refreshAt = async (signet: Instance, cookie: string) => {
        const headers = { Origin: ISSUER, Cookie: cookie }
        const answer = await signet.ask('/auth/refresh', { method: 'POST', headers })
        expect(answer.status).toBe(200)
        return cookieOf(answer)
      }
      const [next = '', ...others] = await Promise.all(
        [first, second, first, second].map(at => refreshAt(at, cookieOf(opened))),
      )
      expect(new Set(others)).toEqual(new Set([next]))
      await refreshAt(second, await refreshAt(first, next))
    })

    it('where processes that share a token refresh it in the long window', async () => {
      const agent = { client_id: 'agent' }
      const family = await seed('agent')
      const second_token = await rotated(first, family.refresh_token, agent)
      const current = await rotated(second, second_token, agent)
      for (const old of [family.refresh_token, second_token])
        for (const { own } of instances()) expect(await rotated(own, old, agent)).toBe(current)
      await expectLiving(family, current, agent)
    })

    it('where both instances get one token at once', async () => {
      const family = await seed()
      const races = Array.from({ length: 8 }, (_, turn) =>
        rotated(turn % 2 === 0 ? first : second, family.refresh_token, { key: 'race' }),
      )
      const [next = '', ...others] = await Promise.all(races)
      expect(new Set(others)).toEqual(new Set([next]))
      await expectLiving(family, next)
    })

    it('until a spent token comes again, which ends the sign-in', async () => {
      for (const { own, other } of instances()) {
        const family = await seed()
        const bystanders = await createBystanders(deployment, family)
        const next = await rotated(own, family.refresh_token)
        expect(await refused(other, family.refresh_token)).toEqual(INVALID_GRANT)
        expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
        expect(await refused(own, next)).toEqual(INVALID_GRANT)
        await bystanders.expectAlive(other)
      }
    })

    it('until its client, which is told about the current token, revokes it', async () => {
      const headers = INTROSPECTOR
      const family = await seed('introspector')
      for (const { own } of instances()) expect(await isActive(own, family.refresh_token)).toBe(true)
      expect((await second.post('/revoke', { token: family.refresh_token }, headers)).status).toBe(200)
      expect((await rowOf(deployment, family.id)).revoke_reason).toBe('revoked')
    })
  })

  describe('with a leaked pepper', () => {
    it('a token of the other version is forged, and ends the sign-in', async () => {
      for (const token_version of [1, 2] as const) {
        const family = await seedFamily(deployment, { token_version })
        const forged = family.tokenAt(0, { owner: token_version === 1 ? family.user_id : null })
        expect(await refused(second, forged)).toEqual(INVALID_GRANT)
        expect((await rowOf(deployment, family.id)).revoke_reason).toBe('forged')
      }
    })

    it('a token that names another person is one of an unknown family', async () => {
      const owner = await createUser(deployment)
      const family = await seedFamily(deployment, { token_version: 2 })
      for (const generation of [0, 1, 7]) {
        const foreign = family.tokenAt(generation, { owner })
        expect(await refused(first, foreign)).toEqual(INVALID_GRANT)
        await first.post('/revoke', { token: foreign, client_id: 'app' })
        const out = await first.ask('/auth/logout', { method: 'POST', body: { refresh_token: foreign } })
        expect(out.status).toBe(401)
      }
      await rotated(first, family.refresh_token)
      const known = await seedFamily(deployment, { token_version: 2, client_id: 'introspector' })
      expect(await isActive(first, known.tokenAt(0, { owner }))).toBe(false)
      expect(await isActive(first, known.refresh_token)).toBe(true)
    })
  })
})
