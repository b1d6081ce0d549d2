import { HOOK_SIGNATURE_HEADER, HOOK_TYP, hookSignatureClaims } from '../../domain/outbound/hook.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'

type Needs = Readonly<{
  issuer: string
  keys: Pick<Keys, 'signDetached'>
  clock: Clock
  random: Pick<Random, 'uuid'>
}>

type Signed = Readonly<{
  /** As it is configured. */
  url: string
  /** JSON. */
  text: string
}>

/** RFC 7515 appendix F – The headers of a hook or a webhook, with the signature over its body. Rejects with Unavailable when no key may sign. */
export const createHookHeaders =
  ({ issuer, keys, clock, random }: Needs) =>
  async ({ url, text }: Signed) => {
    const iat = Math.floor(clock().getTime() / 1000)
    const header = hookSignatureClaims({ issuer, url, iat, jti: random.uuid() })
    return {
      'content-type': 'application/json',
      accept: 'application/json',
      [HOOK_SIGNATURE_HEADER]: await keys.signDetached(HOOK_TYP, { header, text }),
    }
  }
