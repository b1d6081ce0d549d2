import type { AboutSignIn } from '../../domain/base/log-fields.ts'
import { Problem } from '../../domain/refusals/problem.ts'

/** Does a part of a sign-in. A refusal in it names the sign-in in the log. */
export const namingSignIn = async <T>(about: AboutSignIn, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw error instanceof Problem ? error.naming(about) : error
  }
}
