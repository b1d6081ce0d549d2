import type { Assertion } from '../../domain/factors/passkey.ts'
import { FIRST_PARTY } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { SpentAssertions } from '../../ports/clients.ts'
import type { SignedInOnPages } from './browser-sign-in.ts'
import type { CompleteSignIn, Proven } from './complete-sign-in.ts'
import type { ProvePasskeyOwner } from './passkey-sign-in.ts'

type Needs = Readonly<{
  provePasskeyOwner: ProvePasskeyOwner
  assertions: SpentAssertions
  completeSignIn: CompleteSignIn<SignedInOnPages>
  /** The origin of the pages. */
  issuer: string
}>

type Answered = Pick<Proven, 'device_token' | 'session' | 'source' | 'language'> &
  Readonly<{
    assertion: Assertion
    /** Of the page that asked. */
    challenge: Uint8Array
    /** The person whose passkey it must be; null for any person's. */
    account_id: string | null
    /** When the page can no longer be answered. */
    expires_at: Date
  }>

/**
 * WebAuthn Level 3 §1.3.3 – A sign-in by a passkey alone on the hosted pages. The challenge comes out of the sealed page, because a page
 * asks for passkeys as soon as it is shown and nothing is stored for a stranger. What is stored is the challenge of a person who has been
 * verified, until its page expires: an assertion works once.
 */
export const createPasskeyOnPages =
  ({ provePasskeyOwner, assertions, completeSignIn, issuer }: Needs) =>
  async ({
    assertion,
    challenge,
    account_id,
    expires_at,
    ...request
  }: Answered): Promise<SignedInOnPages> => {
    const { request_id } = request.source
    const shown = { assertion, challenge, origins: [issuer], request_id }
    const { account, amr } = await provePasskeyOwner(shown)
    if (account_id !== null && account.id !== account_id)
      throw new Problem('AUTH_SECOND_FACTOR_INVALID', { reason: 'passkey_of_another' })
    const jti = `passkey:${Buffer.from(challenge).toString('base64url')}`
    const { client_id } = FIRST_PARTY
    if (!(await assertions.redeem({ client_id, jti, expires_at })))
      throw new Problem('AUTH_CEREMONY_OVER', { reason: 'passkey_sign_in_over' })
    const occasion = { client: FIRST_PARTY, refresh_transport: 'cookie', resources: [] } as const
    return completeSignIn({ ...request, ...occasion, account, amr })
  }

export type PasskeyOnPages = ReturnType<typeof createPasskeyOnPages>
