import { isPasswordHashable, normalizePassword } from '../../domain/account/password.ts'
import {
  isPasswordElsewhere,
  judgePasswordAnswer,
  type PasswordHookScope,
  passwordQuestion,
} from '../../domain/account/password-hook.ts'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { AskHook } from '../../domain/outbound/hook.ts'
import type { AccountAdministration, Accounts } from '../../ports/accounts.ts'
import type { Clock, Log, Metrics, Passwords, Random } from '../../ports/effects.ts'

type Hook = Readonly<{
  url: string
  /** From then on nothing is asked. */
  until: Date
  scope: PasswordHookScope
}>

type Needs = Readonly<{
  hook: Hook
  askHook: AskHook
  accounts: Pick<Accounts, 'setFirstDigest'>
  administration: Pick<AccountAdministration, 'create'>
  passwords: Pick<Passwords, 'hash'>
  /** Delays refusals to the time that the hook takes. */
  timingFloor: Readonly<{
    learn: (milliseconds: number) => void
    hold: (milliseconds: number, times: number) => Promise<void>
  }>
  metrics: Pick<Metrics, 'passwordHookAsked'>
  random: Pick<Random, 'uuid'>
  clock: Clock
  log: Log
}>

type Asked = Parameters<typeof isPasswordElsewhere>[0]

/**
 * `stored`: the account has this password now, or was given one meanwhile. `right_unstored`: the password is right, and bcrypt cannot hold
 * it. `not_moved`: the sign-in is refused.
 */
export type MovePassword = (asked: Asked) => Promise<'stored' | 'right_unstored' | 'not_moved'>

/** Seconds after which a person may try again while the hook does not answer. */
const RETRY_AFTER_SECONDS = 5

/** For a server without the hook. */
export const movesNoPassword: MovePassword = async () => 'not_moved'

/**
 * Ours (docs/decisions/0049) – Asks the former provider for a password that is not here, and stores it when it is right. Expects that no
 * digest here has matched. Rejects with Unavailable when the hook does not answer: the person must not be told that a right password is
 * wrong. Every refusal takes as long as one of the hook.
 */
export const createMovePassword =
  (needs: Needs): MovePassword =>
  async asked => {
    const { hook, timingFloor, clock } = needs
    if (clock() >= hook.until) return 'not_moved'
    const started = performance.now()
    const elapsed = () => performance.now() - started
    if (!isPasswordElsewhere(asked, hook.scope)) {
      await timingFloor.hold(0, 1)
      return 'not_moved'
    }
    const verdict = await ask(needs, asked)
    timingFloor.learn(elapsed())
    if (verdict.isValid) return store(needs, asked, verdict.described)
    await timingFloor.hold(elapsed(), 1)
    return 'not_moved'
  }

const ask = async ({ hook, askHook, metrics, random, clock, log }: Needs, asked: Asked) => {
  const { account, email } = asked
  const outcome = await askHook({ url: hook.url, body: passwordQuestion(asked) })
  const standard = { id: random.uuid(), created_at: clock().toISOString() }
  const verdict =
    outcome.outcome === 'answered' ? judgePasswordAnswer(outcome.answer, { email, ...standard }) : null
  if (verdict === null) {
    metrics.passwordHookAsked('unanswered')
    const { outcome: _, ...fault } =
      outcome.outcome === 'answered' ? { outcome: null, reason: 'answer_malformed' } : outcome
    const about = { event: 'password_hook', ...aboutSignIn({ sub: account?.id }), ...fault }
    log.warn(about, 'the password hook gave no answer: a person could not sign in')
    throw new Unavailable('password_hook', RETRY_AFTER_SECONDS, fault.reason)
  }
  metrics.passwordHookAsked(verdict.isValid ? 'accepted' : 'refused')
  return verdict
}

type Described = Parameters<AccountAdministration['create']>[0]

const store = async (
  { accounts, administration, passwords }: Needs,
  { account, password }: Asked,
  described: Described,
) => {
  const normalized = normalizePassword(password)
  if (!isPasswordHashable(normalized)) return account === null ? 'not_moved' : 'right_unstored'
  const password_digest = await passwords.hash(normalized)
  if (account === null) await administration.create({ ...described, password_digest })
  else await accounts.setFirstDigest({ id: account.id, password_digest })
  return 'stored'
}
