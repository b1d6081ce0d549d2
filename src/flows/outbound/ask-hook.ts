import {
  type AskHook,
  HOOK_ANSWER_MAX_BYTES,
  HOOK_MILLISECONDS,
  HOOK_SIGNATURE_HEADER,
  HOOK_TYP,
  type HookVerdict,
  hookSignatureClaims,
  parseHookAnswer,
} from '../../domain/outbound/hook.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Outbound, OutboundOutcome } from '../../ports/outbound.ts'

type Needs = Readonly<{
  issuer: string
  keys: Pick<Keys, 'signDetached'>
  outbound: Outbound
  clock: Clock
  random: Pick<Random, 'uuid'>
}>

/**
 * Ours (docs/hooks.md) – Asks a server of the operator a question as JSON, signed over its body (RFC 7515 appendix F), once and within two
 * seconds. Only an answer of status 200 with a JSON object is one.
 */
export const createAskHook =
  ({ issuer, keys, outbound, clock, random }: Needs): AskHook =>
  async ({ url, body }) => {
    const text = JSON.stringify(body)
    const iat = Math.floor(clock().getTime() / 1000)
    const header = hookSignatureClaims({ issuer, url, iat, jti: random.uuid() })
    const outcome = await outbound.send({
      url,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        [HOOK_SIGNATURE_HEADER]: await keys.signDetached(HOOK_TYP, { header, text }),
      },
      body: text,
      accept_bytes: HOOK_ANSWER_MAX_BYTES,
      timeout_milliseconds: HOOK_MILLISECONDS,
    })
    return verdictOn(outcome)
  }

const verdictOn = (outcome: OutboundOutcome): HookVerdict => {
  if (outcome.outcome !== 'answered') return { outcome: 'unanswered', reason: outcome.reason }
  const { status, body } = outcome
  if (status !== 200) return { outcome: 'unanswered', reason: 'not_accepted', receiver_status: status }
  const answer = parseHookAnswer(body)
  return answer === null
    ? { outcome: 'unanswered', reason: 'answer_malformed' }
    : { outcome: 'answered', answer }
}
