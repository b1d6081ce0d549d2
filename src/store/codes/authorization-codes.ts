import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { AuthorizationCodes } from '../../ports/authorization.ts'
import type { Database } from '../postgres/index.ts'
import { createFindUnspentCode } from './find-unspent-code.ts'
import { createIssueCode } from './issue-code.ts'
import { createRedeemCode } from './redeem-code.ts'

export const createAuthorizationCodes = (database: Database, lifetimes: Lifetimes): AuthorizationCodes => ({
  issue: createIssueCode(database),
  findUnspent: createFindUnspentCode(database),
  redeem: createRedeemCode(database, lifetimes),
})
