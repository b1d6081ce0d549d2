import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { AuthorizationCodes } from '../../ports/authorization.ts'
import type { Database } from '../postgres/index.ts'
import { createIssueCode } from './issue-code.ts'
import { createRedeemCode } from './redeem-code.ts'

export const createAuthorizationCodes = (database: Database, lifetimes: Lifetimes): AuthorizationCodes => ({
  issue: createIssueCode(database),
  redeem: createRedeemCode(database, lifetimes),
})
