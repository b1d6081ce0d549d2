import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createBlockEnded } from '../../src/compose/block-ended.ts'
import type { BlocklistEntry } from '../../src/ports/revocations.ts'
import {
  authorizationStores,
  newCode,
  newSession,
  redemptionOf,
  type SeededSession,
  seedSession,
} from '../support/authorization/codes.ts'
import { backends, type OpenBackend } from '../support/backends.ts'
import { createUser } from '../support/families.ts'

const access_token_seconds = 900

describe.each(backends)('what codes, sessions and consents end is on the blocklist, on $name', ({ open }) => {
  let backend: OpenBackend
  let added: [readonly BlocklistEntry[], number][] = []
  let stores: Pick<ReturnType<typeof authorizationStores>, 'codes' | 'consents' | 'sessions'>
  beforeAll(async () => {
    backend = await open()
    const blocklist = {
      add: async (entries: readonly BlocklistEntry[], seconds: number) => {
        added.push([entries, seconds])
      },
      has: async () => false,
    }
    const blockEnded = createBlockEnded({
      blocklist,
      clock: () => new Date(),
      metrics: { ended: () => {} },
      access_token_seconds,
    })
    const { codes, consents, sessions } = authorizationStores(backend.database)
    stores = {
      codes: blockEnded.codes(codes),
      consents: blockEnded.consents(consents),
      sessions: blockEnded.browserSessions(sessions),
    }
  })
  afterAll(() => backend.close())
  beforeEach(() => {
    added = []
  })

  const signIn = async (person: SeededSession, more: Parameters<typeof newCode>[1] = {}) => {
    const code = newCode(person, more)
    await stores.codes.issue(code)
    const redemption = redemptionOf(code)
    expect(await stores.codes.redeem(redemption)).toMatchObject({ verdict: 'redeemed' })
    return { code, family_id: redemption.family.id }
  }
  const named = (family_id: string) => [[[{ kind: 'sid', value: family_id }], access_token_seconds]]

  it('after a replay of a code, and after nothing else that is presented', async () => {
    const { code, family_id } = await signIn(await seedSession(backend.database))
    await stores.codes.redeem(redemptionOf(code, { code_challenge: 'another' }))
    expect(added).toEqual([])
    await stores.codes.redeem(redemptionOf(code))
    expect(added).toEqual(named(family_id))
  })

  it('after a sign-out', async () => {
    const person = await seedSession(backend.database)
    const { family_id } = await signIn(person)
    await stores.sessions.end(person.presented)
    expect(added).toEqual(named(family_id))
  })

  it('after another person has signed in in the browser', async () => {
    const person = await seedSession(backend.database)
    const { family_id } = await signIn(person)
    const user_id = await createUser({ database: backend.database, pepper: '' })
    await stores.sessions.open({
      ...newSession(user_id),
      id: uuidv7(),
      credential_epoch: 0,
      amr: [],
      replaces: person.presented,
      source: { ip: '127.0.0.1', user_agent: null },
    })
    expect(added).toEqual(named(family_id))
  })

  it('after a withdrawal', async () => {
    const person = await seedSession(backend.database)
    const party = { user_id: person.user_id, client_id: 'app' }
    const consent = await stores.consents.grant({ credential_epoch: 0, ...party, granted: ['openid'] })
    const { family_id } = await signIn(person, { consent_version: consent?.version ?? null })
    await stores.consents.withdraw({ ...party, reason: 'consent_withdrawn' })
    expect(added).toEqual(named(family_id))
  })
})
