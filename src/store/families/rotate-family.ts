import postgres from 'postgres'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Lifetimes, Presentation } from '../../domain/sign-in/refresh-family.ts'
import type { Rotation } from '../../domain/sign-in/refresh-verdict.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { type Database, inBatches } from '../postgres/index.ts'
import { createFindOwner, createNameOwner } from './find-families.ts'
import { type Aim, createJudge, type JudgedFamily } from './judge-families.ts'
import { createPlainRotation } from './plain-rotation.ts'

/**
 * Judges a presented refresh token and carries out the verdict, in a statement that several tokens may share. A shared statement skips
 * locked rows: if it waited, it would delay the clients of the rows that it holds, or deadlock. The token of a locked family gets a
 * statement of its own, which waits. So does a suspicious token: it is judged anew by the statement that ends families. On a distributed
 * database, a shorter statement comes first, which carries out the verdict 'rotated' alone.
 */
export const createRotateFamily = (database: Database, lifetimes: Lifetimes): RefreshFamilies['rotate'] => {
  const judge = createJudge(database, lifetimes)
  const judgeOne = createJudgeOne(database, judge)
  const rotatePlainly = createPlainRotation(database, lifetimes)
  const findOwner = createFindOwner(database)
  const rotateOne = async (token: Presentation) => {
    if (!database.isDistributed()) return judgeOne(token, { waits: false })
    const user_id = token.user_id ?? (await findOwner(token))?.user_id
    if (user_id === undefined) return undefined
    const named = { ...token, user_id }
    return (await rotatePlainly(named)) ?? judgeOne(named, { waits: false })
  }
  const settle = async (token: Presentation) =>
    rotationOfOne(await judgeOne(token, { waits: true, ends: true }))
  return inBatches<Presentation, Rotation>({
    keyOf: token => token.family_id,
    together: async tokens => {
      const [first, ...others] = tokens
      const judged =
        first !== undefined && others.length === 0
          ? [await rotateOne(first)]
          : await judge(tokens, { waits: false })
      const families = new Map(judged.map(family => [family?.id, family]))
      return tokens.map(token => {
        const family = families.get(token.family_id)
        if (family?.isSuspicious) return settle(token)
        // A rotation is null when the statement ran past the time limit of its callers. Its answer has arrived, so no client was told to retry,
        // and the token is judged again in a statement of its own.
        return family?.rotation ?? undefined
      })
    },
    alone: async token => {
      const judged = await judgeOne(token, { waits: true })
      return judged?.isSuspicious ? settle(token) : rotationOfOne(judged)
    },
    isUndone: fault => fault instanceof postgres.PostgresError && fault.severity === 'ERROR',
    isOfOne: database.isDistributed,
    traced: { summary: 'update refresh_families', tracing: database.batches },
  })
}

/** Judges a refresh token like a rotation, but rotates nothing: a spent token ends its family, the current one stays current. */
export const createJudgeToken = (database: Database, lifetimes: Lifetimes): RefreshFamilies['judge'] => {
  const judgeOne = createJudgeOne(database, createJudge(database, lifetimes))
  return async token => {
    const { outcome } = rotationOfOne(await judgeOne(token, { waits: true, rotates: false, ends: true }))
    return outcome
  }
}

/** Judges one token; undefined: the family is unknown. */
const createJudgeOne = (database: Database, judge: ReturnType<typeof createJudge>) => {
  const nameOwner = createNameOwner(database)
  return async (token: Presentation, aim: Aim): Promise<JudgedFamily | undefined> => {
    const named = await nameOwner(token)
    return named === null ? undefined : (await judge([named], aim))[0]
  }
}

const rotationOfOne = (family: JudgedFamily | undefined): Rotation => {
  if (family === undefined) return { outcome: 'denied', denial: 'unknown_family', user_id: null }
  if (family.rotation === null) throw new Unavailable('database', 1, 'judged too late')
  return family.rotation
}
