import type { Peppers } from '../domain/base/pepper.ts'
import type { AudiencePolicy } from '../domain/oauth/audience.ts'
import type { EnsureStore } from '../ports/effects.ts'
import { createClientCredentialsGrant } from './client-credentials.ts'
import type { Grant } from './grant.ts'
import type { Issue } from './issue.ts'
import { createRefreshTokenGrant } from './refresh-token.ts'
import type { Rotate } from './rotate.ts'

type Needs = Readonly<{
  issue: Issue
  rotate: Rotate
  policy: AudiencePolicy
  peppers: Peppers
  ensureStore: EnsureStore
}>

/** Every grant. The token endpoint and the metadata follow this list. */
export const createGrants = (needs: Needs): readonly Grant[] => [
  createClientCredentialsGrant(needs),
  createRefreshTokenGrant(needs),
]
