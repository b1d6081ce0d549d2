import { randomUUID } from 'node:crypto'
import type { AccountLine } from '../../../src/domain/account/account-line.ts'
import { EMPTY_PROFILE } from '../../../src/domain/account/profile.ts'

/** An account as an import describes it, with a new id and address where they are not given. */
export const newLine = (more: Partial<AccountLine> = {}): AccountLine => {
  const id = randomUUID()
  return {
    ...EMPTY_PROFILE,
    id,
    email: `${id}@example.com`,
    password_digest: null,
    roles: ['user'],
    email_verified: false,
    disabled: false,
    created_at: '2026-01-01T00:00:00Z',
    external_id: null,
    ...more,
  }
}
