import postgres from 'postgres'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Lifetimes, Presentation } from '../../domain/sign-in/refresh-family.ts'
import type { Rotation } from '../../domain/sign-in/refresh-verdict.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { type Database, inBatches } from '../postgres/index.ts'
import { createJudge, type JudgedFamily } from './judge-families.ts'

/**
 * Judges a presented refresh token and carries out the verdict, in a statement that several tokens may share. A shared statement skips
 * locked rows: if it waited, it would delay the clients of the rows that it holds, or deadlock. The token of a locked family gets a
 * statement of its own, which waits.
 */
export const createRotateFamily = (database: Database, lifetimes: Lifetimes): RefreshFamilies['rotate'] => {
  const judge = createJudge(database, lifetimes)
  return inBatches<Presentation, Rotation>({
    keyOf: token => token.family_id,
    together: async tokens => {
      const families = new Map((await judge(tokens, { waits: false })).map(family => [family.id, family]))
      // A rotation is null when the statement ran past the time limit of its callers. Its answer has arrived, so no client was told to retry,
      // and the token is judged again in a statement of its own.
      return tokens.map(({ family_id }) => families.get(family_id)?.rotation ?? undefined)
    },
    alone: async token => rotationOfOne(await judge([token], { waits: true })),
    isUndone: fault => fault instanceof postgres.PostgresError && fault.severity === 'ERROR',
    traced: { summary: 'update refresh_families', tracing: database.batches },
  })
}

/** Judges a refresh token like a rotation, but rotates nothing: a spent token ends its family, the current one stays current. */
export const createJudgeToken = (database: Database, lifetimes: Lifetimes): RefreshFamilies['judge'] => {
  const judge = createJudge(database, lifetimes)
  return async token => {
    const { outcome } = rotationOfOne(await judge([token], { waits: true, rotates: false }))
    return outcome
  }
}

const rotationOfOne = ([family]: readonly JudgedFamily[]): Rotation => {
  if (family === undefined) return { outcome: 'denied', denial: 'unknown_family', user_id: null }
  if (family.rotation === null) throw new Unavailable('database', 1, 'judged too late')
  return family.rotation
}
