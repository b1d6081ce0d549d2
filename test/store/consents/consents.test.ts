import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  authorizationStores,
  endOf,
  LIVING,
  newCode,
  redemptionOf,
  seedSession,
} from '../../support/authorization/codes.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { createUser } from '../../support/families.ts'

describe.each(backends)('consents, on $name', ({ open }) => {
  let backend: OpenBackend
  let stores: ReturnType<typeof authorizationStores>
  beforeAll(async () => {
    backend = await open()
    stores = authorizationStores(backend.database)
  })
  afterAll(() => backend.close())

  const createPerson = () => createUser({ database: backend.database, pepper: '' })
  const reason = 'consent_withdrawn'

  it('are none at first, and none for an account that is not there', async () => {
    const party = { user_id: await createPerson(), client_id: 'app' }
    expect(await stores.consents.find(party)).toBeNull()
    expect(await stores.consents.withdraw({ ...party, reason })).toBeNull()
    expect(
      await stores.consents.grant({
        credential_epoch: 0,
        user_id: uuidv7(),
        client_id: 'app',
        granted: ['openid'],
      }),
    ).toBeNull()
  })

  it('grow by what is granted, each scope once, and are of one person and one client', async () => {
    const [user_id, other] = [await createPerson(), await createPerson()]
    await stores.consents.grant({ credential_epoch: 0, user_id: other, client_id: 'app', granted: ['email'] })
    await stores.consents.grant({ credential_epoch: 0, user_id, client_id: 'other', granted: ['profile'] })
    await stores.consents.grant({
      credential_epoch: 0,
      user_id,
      client_id: 'app',
      granted: ['openid', 'read https://a.example'],
    })
    expect(
      await stores.consents.grant({
        credential_epoch: 0,
        user_id,
        client_id: 'app',
        granted: ['openid', 'email'],
      }),
    ).toEqual({
      version: 0,
      granted: ['email', 'openid', 'read https://a.example'],
      declined: [],
    })
    expect(await stores.consents.find({ user_id: other, client_id: 'app' })).toEqual({
      version: 0,
      granted: ['email'],
      declined: [],
    })
    expect(await stores.consents.list(user_id)).toEqual([
      {
        client_id: 'app',
        version: 0,
        granted: ['email', 'openid', 'read https://a.example'],
        granted_at: expect.any(Date),
      },
      { client_id: 'other', version: 0, granted: ['profile'], granted_at: expect.any(Date) },
    ])
  })

  it('remember what was left out, until it is granted or the consent is withdrawn', async () => {
    const party = { user_id: await createPerson(), client_id: 'app' }
    const decide = (granted: readonly string[], declined: readonly string[]) =>
      stores.consents.grant({ credential_epoch: 0, ...party, granted, declined })
    expect(await decide(['openid'], ['read', 'write'])).toMatchObject({ declined: ['read', 'write'] })
    expect(await decide(['read'], ['share'])).toMatchObject({
      granted: ['openid', 'read'],
      declined: ['share', 'write'],
    })
    expect(await decide(['openid'], ['read'])).toEqual({
      version: 0,
      granted: ['openid'],
      declined: ['read', 'share', 'write'],
    })
    await stores.consents.withdraw({ ...party, reason })
    expect(await stores.consents.find(party)).toEqual({ version: 1, granted: [], declined: [] })
  })

  it('are granted in the epoch of the person who answered alone, and of an enabled account', async () => {
    const user_id = await createPerson()
    const grant = (credential_epoch: number) =>
      stores.consents.grant({ user_id, credential_epoch, client_id: 'app', granted: ['openid'] })
    await backend.database.sql`update users set credential_epoch = 1 where id = ${user_id}`
    expect(await grant(0)).toBeNull()
    expect(await stores.consents.find({ user_id, client_id: 'app' })).toBeNull()
    await backend.database.sql`update users set disabled_at = now() where id = ${user_id}`
    expect(await grant(1)).toBeNull()
    await backend.database.sql`update users set disabled_at = null where id = ${user_id}`
    expect(await grant(1)).toMatchObject({ granted: ['openid'] })
  })

  it('lose nothing when they are granted at once', async () => {
    const user_id = await createPerson()
    const scopes = Array.from({ length: 10 }, (_, index) => `scope${index}`)
    await Promise.all(
      scopes.map(scope =>
        stores.consents.grant({ credential_epoch: 0, user_id, client_id: 'app', granted: [scope] }),
      ),
    )
    expect((await stores.consents.find({ user_id, client_id: 'app' }))?.granted).toEqual(scopes)
  })

  it('that are withdrawn leave a higher version, and end the sign-ins at the client with their entries in the feed', async () => {
    const [person, other] = [await seedSession(backend.database), await seedSession(backend.database)]
    const { user_id } = person
    const signIn = async (of: typeof person, client_id: string) => {
      const consent = await stores.consents.grant({
        credential_epoch: 0,
        user_id: of.user_id,
        client_id,
        granted: ['openid'],
      })
      const code = newCode(of, {
        client_id,
        consent_version: consent?.version ?? null,
        scope: 'openid offline_access',
      })
      await stores.codes.issue(code)
      const redemption = redemptionOf(code, { client_id })
      expect(await stores.codes.redeem(redemption)).toMatchObject({ verdict: 'redeemed' })
      return redemption.family.id
    }
    const ended = [await signIn(person, 'app'), await signIn(person, 'app')]
    const living = [await signIn(person, 'another'), await signIn(other, 'app')]
    const withdrawn = await stores.consents.withdraw({ user_id, client_id: 'app', reason })
    expect(withdrawn?.toSorted()).toEqual(ended.toSorted())
    for (const id of ended) expect(await endOf(backend.database, id)).toEqual({ reason, is_announced: true })
    for (const id of living) expect(await endOf(backend.database, id)).toEqual(LIVING)
    expect(await stores.consents.find({ user_id, client_id: 'app' })).toEqual({
      version: 1,
      granted: [],
      declined: [],
    })
    expect(await stores.consents.list(user_id)).toMatchObject([{ client_id: 'another' }])
    expect(await stores.sessions.find(person.presented)).not.toBeNull()
  })

  it('are withdrawn once, and again after they were granted again', async () => {
    const party = { user_id: await createPerson(), client_id: 'app' }
    await stores.consents.grant({ credential_epoch: 0, ...party, granted: ['openid'] })
    const withdrawals = await Promise.all([0, 1, 2].map(() => stores.consents.withdraw({ ...party, reason })))
    expect(withdrawals.filter(ended => ended !== null)).toEqual([[]])
    expect(await stores.consents.grant({ credential_epoch: 0, ...party, granted: ['email'] })).toEqual({
      version: 1,
      granted: ['email'],
      declined: [],
    })
    expect(await stores.consents.withdraw({ ...party, reason })).toEqual([])
    expect(await stores.consents.find(party)).toEqual({ version: 2, granted: [], declined: [] })
  })
})
