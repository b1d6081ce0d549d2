import { z } from 'zod'
import { fieldInvalid } from '../../domain/refusals/problem.ts'
import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { Proof } from '../../flows/factors/prove-factor.ts'
import type { SecondFactorSignIn } from '../../flows/sign-in/second-factor-sign-in.ts'
import type { StepUp } from '../../flows/sign-in/step-up.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Cookie } from '../server/cookies.ts'
import { requestSourceOf } from '../server/request-source.ts'
import { type Handle, json, NO_STORE } from '../server/route.ts'
import { seenOf } from '../server/seen.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { FILLED, RESOURCES, readFields } from './fields.ts'
import { PROOF, proofOf } from './proof.ts'
import { replyWith } from './sign-in.ts'
import { withBearer } from './with-bearer.ts'

const SIGN_IN = z.object({ handle: FILLED, ...PROOF })
const STEP_UP = z.object({ handle: FILLED.optional(), resource: RESOURCES, ...PROOF })

type Needs = Readonly<{
  clients: Clients
  secondFactorSignIn: SecondFactorSignIn
  stepUp: StepUp
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
  deviceCookie: Cookie
}>

/** Ours (docs/decisions/0014) – POST /auth/login/second-factor: answers as /auth/login does where the password is enough. */
export const handleSecondFactor =
  (needs: Needs): Handle =>
  async call => {
    const { handle, ...fields } = await readFields(call, SIGN_IN)
    const completed = await needs.secondFactorSignIn.finish({
      handle,
      proof: requireProof(fields),
      ...seenOf(call, needs.deviceCookie),
      admit: (client, refresh_transport) => needs.cookieTransport.admit(call, client, refresh_transport),
    })
    return replyWith(200, completed, needs)
  }

/** Ours (docs/decisions/0014) – POST /auth/step-up/options: the factors that may be shown, and the challenge for a passkey. */
export const handleStepUpOptions = ({ stepUp, authenticateBearer, deviceCookie }: Needs): Handle =>
  withBearer(authenticateBearer, async (bearer, call) =>
    json(200, await stepUp.begin(bearer, seenOf(call, deviceCookie).device_token), NO_STORE),
  )

/** Ours (docs/decisions/0014) – POST /auth/step-up: new tokens, by the transport of the sign-in. Its former tokens are ended. */
export const handleStepUp = ({ stepUp, authenticateBearer, cookieTransport, deviceCookie }: Needs): Handle =>
  withBearer(authenticateBearer, async (bearer, call) => {
    const { handle = null, resource: resources, ...fields } = await readFields(call, STEP_UP)
    const proof = requireProof(fields)
    if (proof.kind === 'passkey' && handle === null)
      throw fieldInvalid({ pointer: '#/handle', detail: 'is what a passkey answers to' })
    const { sid, tokens, refresh_transport } = await stepUp.finish(bearer, {
      handle,
      proof,
      resources,
      device_token: seenOf(call, deviceCookie).device_token,
      source: requestSourceOf(call),
    })
    const log = { new_sid: sid }
    if (refresh_transport === 'body') return { ...json(200, tokens, NO_STORE), log }
    const { body, cookies } = cookieTransport.deliver(tokens)
    return { ...json(200, body, NO_STORE), cookies, log }
  })

const requireProof = (fields: Parameters<typeof proofOf>[0]): Proof => {
  const proof = proofOf(fields)
  if (proof === null)
    throw fieldInvalid({ pointer: '#/totp', detail: 'give exactly one of totp, recovery_code and passkey' })
  return proof
}
