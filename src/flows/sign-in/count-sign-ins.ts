import { Problem } from '../../domain/refusals/problem.ts'
import { type SignInResult, signInResultOf } from '../../domain/sign-in/sign-in-result.ts'
import type { Metrics } from '../../ports/effects.ts'
import type { RefusedSignIn, SignInRefusals } from '../../ports/events.ts'

type Flow<Request, Answer> = (request: Request) => Promise<Answer>

type Needs = Readonly<{ metrics: Pick<Metrics, 'signedIn'>; refusals: SignInRefusals }>

/** Ours – Wraps the flows that sign a person in, so that each attempt is counted by its result, and each refusal is recorded. */
export const createCountSignIns =
  ({ metrics, refusals }: Needs) =>
  <Request, Answer>(flow: Flow<Request, Answer>, resultOf: (answer: Answer) => SignInResult) =>
  async (request: Request): Promise<Answer> => {
    try {
      const answer = await flow(request)
      metrics.signedIn(resultOf(answer))
      return answer
    } catch (error) {
      metrics.signedIn(error instanceof Problem ? signInResultOf(error) : 'failed')
      if (error instanceof Problem) refusals.refused(refusalOf(error))
      throw error
    }
  }

export type CountSignIns = ReturnType<typeof createCountSignIns>

const refusalOf = (problem: Problem): RefusedSignIn => {
  const reason = signInResultOf(problem)
  const { sub = null, client_id = null } = problem.about
  return { reason, cause: problem.reason === reason ? null : problem.reason, sub, client_id }
}
