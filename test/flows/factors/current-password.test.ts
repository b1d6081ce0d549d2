import { describe, expect, it } from 'vitest'
import type { Account } from '../../../src/domain/account/account.ts'
import type { PasswordDigest } from '../../../src/domain/account/password-digest.ts'
import { isCurrentPassword } from '../../../src/flows/factors/current-password.ts'
import type { Accounts } from '../../../src/ports/accounts.ts'
import type { Passwords } from '../../../src/ports/effects.ts'

describe('the current password', () => {
  const account: Account = {
    id: 'the one who asks',
    email: 'ada@example.com',
    email_verified_at: null,
    disabled_at: null,
    roles: [],
    created_at: new Date(0),
    credential_epoch: 0,
    device_epoch: 0,
    language: 'en',
  }
  const passwords: Pick<Passwords, 'matches'> = {
    matches: async (password, digest) => digest === `digest of ${password}`,
  }
  const prove = (holder: string, current_password: string) => {
    const password_digest = 'digest of the right one' as PasswordDigest
    const accounts: Pick<Accounts, 'findByEmail'> = {
      findByEmail: async () => ({ ...account, id: holder, password_digest, external_id: null }),
    }
    const needs = { accounts: accounts as Accounts, passwords: passwords as Passwords }
    return isCurrentPassword(needs, account, current_password)
  }

  it('is checked against the account’s own digest', async () => {
    expect(await prove(account.id, 'the right one')).toBe(true)
    expect(await prove(account.id, 'a wrong one')).toBe(false)
  })

  it('is not checked against another account that has registered the former e-mail', async () => {
    expect(await prove('somebody else', 'the right one')).toBe(false)
  })
})
