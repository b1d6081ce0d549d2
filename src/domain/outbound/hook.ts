import type { OutboundFailure, OutboundRefusal } from './outbound-verdicts.ts'

/** RFC 7515 §4.1.9 – The type of every signature over the body of a hook or a webhook, so that no token passes for one. */
export const HOOK_TYP = 'signet-hook+jwt'
/** The header that has the signature. */
export const HOOK_SIGNATURE_HEADER = 'signet-signature'

/** Milliseconds of one question, from the name of the receiver to the end of its answer. */
export const HOOK_MILLISECONDS = 2_000
/** Bytes of an answer, at most. */
export const HOOK_ANSWER_MAX_BYTES = 16_384

export type HookQuestion = Readonly<{
  /** A URL that an operator has configured. */
  url: string
  /** Sent as JSON. */
  body: Readonly<Record<string, unknown>>
}>

/** `not_accepted`: the receiver answered with another status than 200. `answer_malformed`: its answer is no JSON object, or no HTTP. */
export type HookFailure = OutboundRefusal | OutboundFailure | 'not_accepted'

/** What a question came to. Members of an answer are as the receiver wrote them. */
export type HookVerdict =
  | Readonly<{ outcome: 'answered'; answer: Readonly<Record<string, unknown>> }>
  | Readonly<{ outcome: 'unanswered'; reason: HookFailure; receiver_status?: number }>

/** Asks an operator's server, once. Rejects with Unavailable when no key may sign. */
export type AskHook = (question: HookQuestion) => Promise<HookVerdict>

/** RFC 7519 §5.3 – The claims of a signature, in its header: its payload is the body, which stays what the receiver expects. */
export const hookSignatureClaims = ({
  issuer,
  url,
  iat,
  jti,
}: Readonly<{ issuer: string; url: string; iat: number; jti: string }>) => ({
  iss: issuer,
  aud: url,
  iat,
  jti,
})

/** The object that an answer has; null for anything else. */
export const parseHookAnswer = (body: Uint8Array): Readonly<Record<string, unknown>> | null => {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
