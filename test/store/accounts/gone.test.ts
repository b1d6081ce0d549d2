import { randomBytes } from 'node:crypto'
import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PasswordDigest } from '../../../src/domain/account/password-digest.ts'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { ceremonyHandleOf } from '../../../src/domain/factors/ceremony.ts'
import { recoveryCodeOf } from '../../../src/domain/factors/recovery-code.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createCeremonies } from '../../../src/store/factors/ceremonies.ts'
import { createFactors } from '../../../src/store/factors/factors.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { LIFETIMES } from '../../support/families.ts'

describe.each(backends)(
  'an account that was deleted or changed since it was looked up ($name)',
  ({ open }) => {
    let backend: OpenBackend
    beforeAll(async () => {
      backend = await open()
    })
    afterAll(() => backend.close())

    it('begins no ceremony, without an error', async () => {
      const ceremonies = createCeremonies(backend.database)
      const digest = digestOf(ceremonyHandleOf(randomBytes(32)))
      const step_up = { purpose: 'step_up', family_id: null } as const
      await ceremonies.begin({
        ...step_up,
        digest,
        account: { id: uuidv7(), credential_epoch: 0 },
        client_id: 'app',
        refresh_transport: 'body',
        payload: randomBytes(32),
      })
      expect(await ceremonies.attempt({ digest, ...step_up })).toBeNull()
    })

    it('gets no recovery codes', async () => {
      const accounts = createAccounts(backend.database, LIFETIMES)
      const factors = createFactors(backend.database, LIFETIMES)
      const id = uuidv7()
      const password_digest = `$2b$10$${'.'.repeat(53)}` as PasswordDigest
      const given = {
        id,
        credential_epoch: 0,
        replaces: null,
        digests: [digestOf(recoveryCodeOf(randomBytes(25)))],
      }
      expect(await factors.replaceRecoveryCodes(given)).toBeNull()
      await accounts.create({ id, email: `${id}@gone.example`, password_digest, roles: [], language: 'en' })
      expect(await factors.replaceRecoveryCodes(given)).toBe('replaced')
      expect(await factors.replaceRecoveryCodes(given)).toBe('overtaken')
      await accounts.endEverySignIn(id, 'signed_out_everywhere')
      expect(await factors.replaceRecoveryCodes({ ...given, replaces: 0, digests: [] })).toBeNull()
      expect((await factors.find(id)).recovery_codes).toBe(1)
    })
  },
)
