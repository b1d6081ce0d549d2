import postgres from 'postgres'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Lifetimes, Presentation, Rotation } from '../../domain/sign-in/refresh-family.ts'
import { inBatches } from '../postgres/batches.ts'
import type { Database } from '../postgres/database.ts'
import { createJudge, type JudgedFamily } from './judge-families.ts'

/**
 * Judges a presented refresh token and does what the verdict says, in a statement that it may share with others. A statement of
 * several waits for nobody: whoever waits while it holds other rows makes their clients wait too, or for ever. A family whose row
 * somebody holds gets a statement of its own, which waits.
 */
export const createRotateFamily = (
  database: Database,
  lifetimes: Lifetimes,
): ((token: Presentation) => Promise<Rotation>) => {
  const judge = createJudge(database, lifetimes)
  return inBatches<Presentation, Rotation>({
    keyOf: token => token.family_id,
    together: async tokens => {
      const families = new Map((await judge(tokens, { waits: false })).map(family => [family.id, family]))
      return tokens.map(({ family_id }) => {
        const family = families.get(family_id)
        // The answer came in time, so nobody has been told to try again: what was too late for this statement gets one of its own.
        return family === undefined || family.verdict === 'late' ? undefined : toRotation(family)
      })
    },
    alone: async token => {
      const [family] = await judge([token], { waits: true })
      return family === undefined ? { verdict: 'denied', denial: 'unknown_family' } : toRotation(family)
    },
    isUndone: fault => fault instanceof postgres.PostgresError && fault.severity === 'ERROR',
  })
}

const toRotation = (family: JudgedFamily): Rotation => {
  const { verdict } = family
  switch (verdict) {
    case 'late':
      throw new Unavailable('database', 1, 'judged too late')
    case 'rotated':
    case 'replayed':
      return { verdict, family }
    case 'scope_exceeded':
    case 'resource_exceeded':
    case 'reused':
    case 'forged':
      return { verdict }
    case 'unknown_family':
    case 'wrong_salt':
    case 'revoked':
    case 'idle':
    case 'expired':
    case 'epoch_passed':
    case 'account_disabled':
    case 'wrong_client':
    case 'wrong_sender_key':
    case 'wrong_transport':
      return { verdict: 'denied', denial: verdict }
  }
}
