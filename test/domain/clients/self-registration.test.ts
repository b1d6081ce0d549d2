import { describe, expect, it } from 'vitest'
import { withinPolicy } from '../../../src/domain/clients/self-registration.ts'
import { DEMO_APP } from '../../../src/domain/oauth/client.ts'

const POLICY = { audiences: ['https://api.example'], scopes: ['read'], refresh_grace_seconds: 1_800 }

describe('a client that no operator has registered', () => {
  it('has the window of the policy where it is public, and never its own', () => {
    const graceOf = (token_endpoint_auth_method: 'none' | 'private_key_jwt') =>
      withinPolicy({ ...DEMO_APP, token_endpoint_auth_method, refresh_grace_seconds: 3_600 }, POLICY)
        .refresh_grace_seconds
    expect([graceOf('none'), graceOf('private_key_jwt')]).toEqual([1_800, 0])
  })
})
