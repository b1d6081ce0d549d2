import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import type { VerifierOptions } from '../../../src/sdk/verify/options.ts'
import { TokenError } from '../../../src/sdk/verify/token-error.ts'
import type { Verified, Verifier } from '../../../src/sdk/verify/verifier.ts'
import { createVerifier as onWebCrypto } from '../../../src/sdk/verify.ts'
import { createVerifier as onNodeCrypto } from '../../../src/sdk/verify-node.ts'
import { AUDIENCE, type Issuer, signToken, startIssuer, type TestKey } from '../../support/issuer.ts'

export const ENGINES = [
  { name: 'node:crypto', createVerifier: onNodeCrypto },
  { name: 'Web Crypto', createVerifier: onWebCrypto },
] as const

/** The code of the one error that a verifier may reject with. */
export const refusalOf = async (verified: Promise<unknown>): Promise<string> => {
  try {
    await verified
  } catch (error) {
    expect(error).toBeInstanceOf(TokenError)
    return error instanceof TokenError ? error.code : ''
  }
  throw new Error('the token was accepted')
}

/** An issuer, a clock in seconds that only the test moves, and a verifier that is new for each test. */
export const stage = (createVerifier: (options: VerifierOptions) => Verifier = onNodeCrypto) => {
  const scene = { now: 0 }
  let issuer: Issuer
  let verifier: Verifier
  const create = (options: Partial<VerifierOptions> = {}) =>
    createVerifier({
      issuer: issuer.issuer,
      audience: AUDIENCE,
      now: () => scene.now * 1000,
      ...options,
    })
  beforeAll(async () => {
    issuer = await startIssuer()
  })
  afterAll(() => issuer.close())
  beforeEach(() => {
    issuer.faults.clear()
    scene.now = 1_900_000_000
    verifier = create()
  })
  return {
    scene,
    create,
    issuer: () => issuer,
    key: (): TestKey => issuer.keys[0] ?? unreachable(),
    claims: (claims: Readonly<Record<string, unknown>> = {}) => issuer.claims(scene.now, claims),
    issue: (
      claims: Readonly<Record<string, unknown>> = {},
      header: Readonly<Record<string, unknown>> = {},
      key: TestKey = issuer.keys[0] ?? unreachable(),
    ) => signToken(key, issuer.claims(scene.now, claims), header),
    verify: (token: string): Promise<Verified> => verifier.verify(token),
    verifier: () => verifier,
  }
}

const unreachable = (): never => {
  throw new Error('the issuer has no key')
}
