import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { recoveryCodeOf } from '../../../src/domain/factors/recovery-code.ts'
import type { SealedSecret } from '../../../src/domain/factors/sealed-secret.ts'
import { createFactors } from '../../../src/store/factors/factors.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import type { Database } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'

const createDigest = () => digestOf(recoveryCodeOf(randomBytes(25)))

describe.each(backends.slice(-1))('recovery codes of an enrolment ($name)', ({ open }) => {
  let backend: OpenBackend
  let database: Database
  beforeAll(async () => {
    backend = await open()
    database = backend.database
  })
  afterAll(() => backend.close())

  const createPerson = async () => {
    const id = randomUUID()
    await database.sql`insert into users (id, email, roles) values (${id}, ${id}, '{}')`
    return id
  }
  const enrol = (account_id: string) =>
    createFactors(database, LIFETIMES).addTotp({
      account_id,
      credential_epoch: 0,
      keep: null,
      secret: randomBytes(32) as Uint8Array as SealedSecret,
      step: 1,
      recovery: [createDigest(), createDigest()],
    })

  it('do not replace a set that was created since the enrolment looked', async () => {
    const factors = createFactors(database, LIFETIMES)
    const id = await createPerson()
    const digest = createDigest()
    const set = { id, credential_epoch: 0, replaces: null, digests: [digest] }
    expect(await factors.replaceRecoveryCodes(set)).toBe('replaced')
    expect(await enrol(id)).toMatchObject({ isRecoveryGiven: false })
    expect((await factors.find(id)).recovery_codes).toBe(1)
    expect(await factors.spendRecoveryCode({ account_id: id, digest })).toBe(true)
  })

  it('are stored when there is no set, or no unused code', async () => {
    const factors = createFactors(database, LIFETIMES)
    const [fresh, spent] = [await createPerson(), await createPerson()]
    const set = { id: spent, credential_epoch: 0, replaces: null, digests: [] }
    expect(await factors.replaceRecoveryCodes(set)).toBe('replaced')
    for (const id of [fresh, spent]) {
      expect(await enrol(id)).toMatchObject({ isRecoveryGiven: true })
      expect((await factors.find(id)).recovery_codes).toBe(2)
    }
  })

  it('are the set of the winner when several requests race', async () => {
    const factors = createFactors(database, LIFETIMES)
    const id = await createPerson()
    await enrol(id)
    const { recovery_set: replaces } = await factors.find(id)
    const digests = Array.from({ length: 8 }, createDigest)
    const outcomes = await Promise.all(
      digests.map(digest =>
        factors.replaceRecoveryCodes({ id, credential_epoch: 1, replaces, digests: [digest] }),
      ),
    )
    expect(outcomes.filter(outcome => outcome === 'replaced')).toHaveLength(1)
    expect(outcomes.filter(outcome => outcome === 'overtaken')).toHaveLength(7)
    for (const [index, digest] of digests.entries())
      expect(await factors.spendRecoveryCode({ account_id: id, digest })).toBe(outcomes[index] === 'replaced')
  })
})
