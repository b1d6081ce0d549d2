import { Problem } from '../../domain/base/problem.ts'
import { type SignInResult, signInResultOf } from '../../domain/sign-in/sign-in-result.ts'
import type { Metrics } from '../../ports/effects.ts'

type Flow<Request, Answer> = (request: Request) => Promise<Answer>

/** Ours – Wraps the flows that sign a person in, so that each attempt is counted by its result. */
export const createCountSignIns =
  ({ metrics }: Readonly<{ metrics: Pick<Metrics, 'signedIn'> }>) =>
  <Request, Answer>(flow: Flow<Request, Answer>, resultOf: (answer: Answer) => SignInResult) =>
  async (request: Request): Promise<Answer> => {
    try {
      const answer = await flow(request)
      metrics.signedIn(resultOf(answer))
      return answer
    } catch (error) {
      metrics.signedIn(error instanceof Problem ? signInResultOf(error) : 'failed')
      throw error
    }
  }

export type CountSignIns = ReturnType<typeof createCountSignIns>
