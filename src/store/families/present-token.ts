import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Database } from '../postgres/database.ts'
import { createJudge } from './judge-families.ts'

/** Judges a refresh token by the rules of a rotation, and rotates nothing: a spent one ends its family, a current one stays current. */
export const createPresent = (database: Database, lifetimes: Lifetimes): RefreshFamilies['present'] => {
  const judge = createJudge(database, lifetimes)
  return async token => {
    const [family] = await judge([token], { waits: true, rotates: false })
    if (family === undefined) return 'denied'
    switch (family.verdict) {
      case 'late':
        throw new Unavailable('database', 1, 'judged too late')
      case 'rotated':
      case 'replayed':
        return 'current'
      case 'reused':
      case 'forged':
        return family.verdict
      case 'scope_exceeded':
      case 'resource_exceeded':
      case 'unknown_family':
      case 'wrong_salt':
      case 'revoked':
      case 'idle':
      case 'expired':
      case 'epoch_passed':
      case 'account_disabled':
      case 'wrong_client':
      case 'wrong_sender_key':
      case 'wrong_transport':
        return 'denied'
    }
  }
}
