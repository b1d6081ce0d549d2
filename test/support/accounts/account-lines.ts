import { randomUUID } from 'node:crypto'
import type { AccountLine } from '../../../src/domain/account/account-line.ts'
import { EMPTY_PROFILE } from '../../../src/domain/account/profile.ts'
import { createAccountAdministration } from '../../../src/store/accounts/account-administration.ts'
import type { Database } from '../database.ts'
import { LIFETIMES } from '../families.ts'

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

/** Stores the account of a new line, and its names on Citus, which a row of `users` alone would lack. */
export const createAccount = async (
  database: Database,
  more: Partial<AccountLine> = {},
): Promise<AccountLine> => {
  const line = newLine(more)
  if (!(await createAccountAdministration(database, LIFETIMES).create(line)))
    throw new Error('the account was not created')
  return line
}

/** Gives an account an external id, and the name of it on Citus. */
export const giveExternalId = async (database: Database, id: string, external_id: string): Promise<void> => {
  const changed = await createAccountAdministration(database, LIFETIMES).setExternalId(id, external_id)
  if (changed !== true) throw new Error('the account has no new external id')
}
