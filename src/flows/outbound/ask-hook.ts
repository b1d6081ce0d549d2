import {
  type AskHook,
  HOOK_ANSWER_MAX_BYTES,
  HOOK_MILLISECONDS,
  type HookVerdict,
  parseHookAnswer,
} from '../../domain/outbound/hook.ts'
import type { Outbound, OutboundOutcome } from '../../ports/outbound.ts'
import { createHookHeaders } from './hook-headers.ts'

type Needs = Parameters<typeof createHookHeaders>[0] & Readonly<{ outbound: Outbound }>

/**
 * Ours (docs/hooks.md) – Asks a server of the operator a question as JSON, signed over its body (RFC 7515 appendix F), once and within two
 * seconds. Only an answer of status 200 with a JSON object is one.
 */
export const createAskHook = ({ outbound, ...signing }: Needs): AskHook => {
  const headersOf = createHookHeaders(signing)
  return async ({ url, body }) => {
    const text = JSON.stringify(body)
    const outcome = await outbound.send({
      url,
      method: 'POST',
      headers: await headersOf({ url, text }),
      body: text,
      accept_bytes: HOOK_ANSWER_MAX_BYTES,
      timeout_milliseconds: HOOK_MILLISECONDS,
    })
    return verdictOn(outcome)
  }
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
