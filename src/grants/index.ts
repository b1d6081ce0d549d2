import { createAuthorizationCodeGrant } from './authorization-code.ts'
import { createClientCredentialsGrant } from './client-credentials.ts'
import { createDeviceCodeGrant } from './device-code.ts'
import type { Grant } from './grant.ts'
import { createRefreshTokenGrant } from './refresh-token.ts'
import { createTokenExchangeGrant } from './token-exchange.ts'

type Needs = Parameters<typeof createAuthorizationCodeGrant>[0] &
  Parameters<typeof createClientCredentialsGrant>[0] &
  Parameters<typeof createDeviceCodeGrant>[0] &
  Parameters<typeof createRefreshTokenGrant>[0] &
  Parameters<typeof createTokenExchangeGrant>[0]

/** Every grant. The token endpoint and the metadata follow this list. */
export const createGrants = (needs: Needs): readonly Grant[] => [
  createAuthorizationCodeGrant(needs),
  createClientCredentialsGrant(needs),
  createRefreshTokenGrant(needs),
  createDeviceCodeGrant(needs),
  createTokenExchangeGrant(needs),
]
