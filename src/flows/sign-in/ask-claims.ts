import { hash } from 'node:crypto'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { acrOf, rolesAt } from '../../domain/oauth/acr.ts'
import { boundRoles } from '../../domain/oauth/roles.ts'
import type { AskHook } from '../../domain/outbound/hook.ts'
import {
  type AskClaims,
  type ClaimsHookFailure,
  claimsQuestion,
  judgeClaimsAnswer,
} from '../../domain/sign-in/claims-hook.ts'
import type { ExtraClaims } from '../../domain/sign-in/extra-claims.ts'
import type { Clock, Log, Metrics } from '../../ports/effects.ts'
import { createRecent } from '../clients/recent.ts'

type Needs = Readonly<{
  hook: Readonly<{
    url: string
    on_failure: ClaimsHookFailure
    /** Seconds for which an answer is used again for the same question; 0: never. */
    cache_seconds: number
  }>
  askHook: AskHook
  second_factor_roles: readonly string[]
  metrics: Pick<Metrics, 'claimsHookAsked'>
  clock: Clock
  log: Log
}>

/** Seconds after which a person may try again while the hook does not answer. */
const RETRY_AFTER_SECONDS = 5
/** Answers that one process remembers, of a kilobyte at most. */
const REMEMBERED_AT_MOST = 10_000
/** Names in a line of the log. */
const NAMED_AT_MOST = 20

type Asked = Readonly<{ claims: ExtraClaims } | { fault: string }>
type Question = ReturnType<typeof claimsQuestion>

/**
 * Ours (docs/decisions/0055) – Asks the operator's server for the extra claims of a sign-in, before the sign-in is opened. An answer is for
 * its question: for another scope, another class or other roles the hook is asked anew. Equal questions at once are asked once.
 */
export const createAskClaims = (needs: Needs): AskClaims => {
  const { hook, second_factor_roles, metrics, clock } = needs
  const remembered = createRecent<ExtraClaims>({ most: REMEMBERED_AT_MOST, clock })
  const underWay = new Map<string, Promise<Asked>>()

  const askAnew = async (key: string, question: Question): Promise<Asked> => {
    const asked = await ask(needs, question)
    if ('claims' in asked && hook.cache_seconds > 0) remembered.keep(key, asked.claims, hook.cache_seconds)
    return asked
  }

  const find = (question: Question): Promise<Asked> => {
    const key = hash('sha256', JSON.stringify(question), 'base64url')
    const same = underWay.get(key)
    const claims = same === undefined ? remembered.fresh(key) : null
    if (same !== undefined || claims !== null) metrics.claimsHookAsked('remembered')
    if (same !== undefined) return same
    if (claims !== null) return Promise.resolve({ claims })
    const asking = askAnew(key, question).finally(() => underWay.delete(key))
    underWay.set(key, asking)
    return asking
  }

  return async occasion => {
    const acr = acrOf(occasion.amr)
    const roles = rolesAt(acr, boundRoles(occasion.roles), second_factor_roles)
    const asked = await find(claimsQuestion(occasion, { acr, roles }))
    if ('claims' in asked) return asked.claims
    if (hook.on_failure === 'without') return null
    throw new Unavailable('claims_hook', RETRY_AFTER_SECONDS, asked.fault)
  }
}

const ask = async ({ hook, askHook, metrics, log }: Needs, question: Question): Promise<Asked> => {
  const outcome = await askHook({ url: hook.url, body: question })
  const judged = outcome.outcome === 'answered' ? judgeClaimsAnswer(outcome.answer) : null
  const about = { event: 'claims_hook', ...aboutSignIn(question) }
  if (judged === null) {
    metrics.claimsHookAsked('unanswered')
    const { outcome: _, ...fault } =
      outcome.outcome === 'answered' ? { outcome: null, reason: 'answer_malformed' } : outcome
    const message =
      hook.on_failure === 'refuse'
        ? 'the claims hook gave no answer: a person could not sign in'
        : 'the claims hook gave no answer: a sign-in has no extra claims'
    log.warn({ ...about, ...fault }, message)
    return { fault: fault.reason }
  }
  metrics.claimsHookAsked('answered')
  const { claims, ignored } = judged
  if (ignored.length > 0)
    log.warn(
      {
        ...about,
        reason: 'claims_reserved',
        claims: ignored.slice(0, NAMED_AT_MOST).map(name => name.slice(0, 64)),
      },
      'the claims hook named claims that no hook may write: they are left out',
    )
  return { claims }
}
