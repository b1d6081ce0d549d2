import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  PUSHED_REQUEST_SECONDS,
  type PushedRequestUri,
} from '../../../src/domain/authorization/pushed-request.ts'
import { digestOf } from '../../../src/domain/base/digest.ts'
import {
  ageCode,
  authorizationStores,
  codeRow,
  newCode,
  redemptionOf,
  seedCode,
  seedSession,
} from '../../support/authorization/codes.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'

const pushedDigest = () =>
  digestOf(`urn:ietf:params:oauth:request_uri:${randomBytes(32).toString('base64url')}` as PushedRequestUri)

describe.each(backends)('issuing codes, on $name', ({ open }) => {
  let backend: OpenBackend
  let stores: ReturnType<typeof authorizationStores>
  beforeAll(async () => {
    backend = await open()
    stores = authorizationStores(backend.database)
  })
  afterAll(() => backend.close())

  it('is refused for a session of another person, and for one that is unknown', async () => {
    const [one, other] = [await seedSession(backend.database), await seedSession(backend.database)]
    const code = newCode(one)
    expect(await stores.codes.issue({ ...code, session_id: other.session.id })).toBe(false)
    expect(await stores.codes.issue({ ...code, session_id: one.user_id })).toBe(false)
    expect(await codeRow(backend.database, code)).toBeUndefined()
    expect(await stores.codes.issue(code)).toBe(true)
  })

  it.each([
    ['the epoch has passed', 'users', 'credential_epoch = credential_epoch + 1'],
    ['the account is disabled', 'users', 'disabled_at = now()'],
    ['the session is idle', 'browser_sessions', 'idle_expires_at = now()'],
    ['the session has expired', 'browser_sessions', 'expires_at = now()'],
  ])('is refused when %s', async (_, table, change) => {
    const { sql } = backend.database
    const [person, bystander] = [await seedSession(backend.database), await seedSession(backend.database)]
    const key = table === 'users' ? 'id' : 'user_id'
    await sql`update ${sql(table)} set ${sql.unsafe(change)} where ${sql(key)} = ${person.user_id}`
    const code = newCode(person)
    expect(await stores.codes.issue(code)).toBe(false)
    expect(await codeRow(backend.database, code)).toBeUndefined()
    expect(await stores.codes.issue(newCode(bystander))).toBe(true)
  })

  it('asks for the version of the consent', async () => {
    const person = await seedSession(backend.database)
    const party = { user_id: person.user_id, client_id: 'app' }
    expect(await stores.codes.issue(newCode(person, { consent_version: 0 }))).toBe(false)
    await stores.consents.grant({ credential_epoch: 0, ...party, granted: ['openid'] })
    expect(await stores.codes.issue(newCode(person, { consent_version: 0 }))).toBe(true)
    expect(await stores.codes.issue(newCode(person, { consent_version: 0, client_id: 'other' }))).toBe(false)
    await stores.consents.withdraw({ ...party, reason: 'consent_withdrawn' })
    expect(await stores.codes.issue(newCode(person, { consent_version: 0 }))).toBe(false)
    expect(await stores.codes.issue(newCode(person, { consent_version: 1 }))).toBe(true)
  })

  describe('RFC 9126: of a pushed request', () => {
    const push = async (client_id = 'app') => {
      const request = { digest: pushedDigest(), client_id, parameters: 'scope=openid' }
      await stores.pushedRequests.push(request)
      return request
    }
    const age = (digest: Uint8Array, seconds: number) => backend.database.sql`
      update pushed_requests
      set expires_at = expires_at - make_interval(secs => ${seconds})
      where digest = ${digest}`

    it('finds it for its own client, until it has expired', async () => {
      const request = await push()
      expect(await stores.pushedRequests.find(request)).toEqual(request)
      expect(await stores.pushedRequests.find({ ...request, client_id: 'other' })).toBeNull()
      expect(await stores.pushedRequests.find({ ...request, digest: pushedDigest() })).toBeNull()
      await age(request.digest, PUSHED_REQUEST_SECONDS - 5)
      expect(await stores.pushedRequests.find(request)).toEqual(request)
      await age(request.digest, 10)
      expect(await stores.pushedRequests.find(request)).toBeNull()
    })

    it('consumes it with the code, once, also when it has expired while the person signed in', async () => {
      const person = await seedSession(backend.database)
      const { digest: pushed_request } = await push()
      const bystander = await push()
      await age(pushed_request, PUSHED_REQUEST_SECONDS + 5)
      const code = newCode(person, { pushed_request })
      expect(await stores.codes.issue(code)).toBe(true)
      const second = newCode(person, { pushed_request })
      expect(await stores.codes.issue(second)).toBe(false)
      expect(await codeRow(backend.database, second)).toBeUndefined()
      expect(await stores.codes.redeem(redemptionOf(code))).toMatchObject({ verdict: 'redeemed' })
      expect(await stores.pushedRequests.find(bystander)).not.toBeNull()
    })

    it('leaves it where no code was issued, and where it is another client’s', async () => {
      const person = await seedSession(backend.database)
      const [own, foreign] = [await push(), await push('other')]
      expect(
        await stores.codes.issue(newCode(person, { pushed_request: own.digest, consent_version: 7 })),
      ).toBe(false)
      expect(await stores.codes.issue(newCode(person, { pushed_request: foreign.digest }))).toBe(false)
      expect(await stores.pushedRequests.find(own)).not.toBeNull()
      expect(await stores.pushedRequests.find(foreign)).not.toBeNull()
    })

    it('issues one code of twenty that are asked for at once', async () => {
      const person = await seedSession(backend.database)
      const { digest: pushed_request } = await push()
      const issued = await Promise.all(
        Array.from({ length: 20 }, () => stores.codes.issue(newCode(person, { pushed_request }))),
      )
      expect(issued.filter(Boolean)).toHaveLength(1)
    })
  })

  it('can be asked what it was for by its client, while it is unspent and lives', async () => {
    const { code } = await seedCode(backend.database)
    const find = (more: Partial<typeof code> = {}) => stores.codes.findUnspent({ ...code, ...more })
    expect(await find()).toEqual({ scope: code.scope, audience: code.audience })
    expect(await find({ client_id: 'other' })).toBeNull()
    expect(await find({ user_id: code.session_id })).toBeNull()
    await ageCode(backend.database, code, 55)
    expect(await find()).not.toBeNull()
    await ageCode(backend.database, code, 10)
    expect(await find()).toBeNull()
    await ageCode(backend.database, code, -30)
    await stores.codes.redeem(redemptionOf(code))
    expect(await find()).toBeNull()
  })

  it('of an account that is deleted goes with it', async () => {
    const { sql } = backend.database
    const { user_id, code } = await seedCode(backend.database)
    await stores.consents.grant({ credential_epoch: 0, user_id, client_id: 'app', granted: ['openid'] })
    await sql`delete from users where id = ${user_id}`
    expect(await codeRow(backend.database, code)).toBeUndefined()
    expect(await sql`select from browser_sessions where user_id = ${user_id}`).toHaveLength(0)
    expect(await sql`select from consents where user_id = ${user_id}`).toHaveLength(0)
  })
})
