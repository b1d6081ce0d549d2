import postgres from 'postgres'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Lifetimes, Presentation } from '../../domain/sign-in/refresh-family.ts'
import type { Rotation } from '../../domain/sign-in/refresh-verdict.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { type Database, inBatches } from '../postgres/index.ts'
import { createJudge, type JudgedFamily } from './judge-families.ts'

/**
 * Judges a presented refresh token and does what the verdict says, in a statement that it may share with others. A statement of
 * several waits for nobody: whoever waits while it holds other rows makes their clients wait too, or for ever. A family whose row
 * somebody holds gets a statement of its own, which waits.
 */
export const createRotateFamily = (database: Database, lifetimes: Lifetimes): RefreshFamilies['rotate'] => {
  const judge = createJudge(database, lifetimes)
  return inBatches<Presentation, Rotation>({
    keyOf: token => token.family_id,
    together: async tokens => {
      const families = new Map((await judge(tokens, { waits: false })).map(family => [family.id, family]))
      // The answer came in time, so nobody has been told to try again: what was too late for this statement gets one of its own.
      return tokens.map(({ family_id }) => families.get(family_id)?.rotation ?? undefined)
    },
    alone: async token => rotationOfOne(await judge([token], { waits: true })),
    isUndone: fault => fault instanceof postgres.PostgresError && fault.severity === 'ERROR',
  })
}

/** Judges a refresh token by the rules of a rotation, and rotates nothing: a spent one ends its family, a current one stays current. */
export const createPresentToken = (database: Database, lifetimes: Lifetimes): RefreshFamilies['present'] => {
  const judge = createJudge(database, lifetimes)
  return async token => {
    const { verdict } = rotationOfOne(await judge([token], { waits: true, rotates: false }))
    return verdict
  }
}

const rotationOfOne = ([family]: readonly JudgedFamily[]): Rotation => {
  if (family === undefined) return { verdict: 'denied', denial: 'unknown_family', user_id: null }
  if (family.rotation === null) throw new Unavailable('database', 1, 'judged too late')
  return family.rotation
}
