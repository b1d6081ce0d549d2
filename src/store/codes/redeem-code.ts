import postgres from 'postgres'
import {
  type Bought,
  type CodeOutcome,
  type CodeVerdict,
  parseCodeVerdict,
  type Redemption,
} from '../../domain/authorization/authorization-code.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Family, Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { AuthorizationCodes } from '../../ports/authorization.ts'
import { type Database, inBatches } from '../postgres/index.ts'
import { type BoughtRow, createJudgeCodes, type JudgedCode, LATE, RACED } from './judge-codes.ts'

/**
 * Verdicts of a shared statement that may only mean that it skipped a locked row. It has changed nothing then, and the code is judged again,
 * in a statement of its own. LATE is among them, because no client has had an answer yet.
 */
const DOUBTFUL: ReadonlySet<string> = new Set([
  LATE,
  RACED,
  'session_ended',
  'consent_withdrawn',
] satisfies readonly (CodeVerdict | typeof LATE | typeof RACED)[])

/**
 * RFC 6749 §4.1.3 – Redeems a code, in a statement that several codes may share. A shared statement skips locked rows, as that of the
 * rotations does; a skipped code is judged in a statement of its own, which waits for the lock.
 */
export const createRedeemCode = (database: Database, lifetimes: Lifetimes): AuthorizationCodes['redeem'] => {
  const judge = createJudgeCodes(database, lifetimes)
  return inBatches<Redemption, CodeOutcome>({
    keyOf: ({ digest }) => Buffer.from(digest).toString('latin1'),
    together: async redemptions => {
      const judged = await judge(redemptions, { waits: false, sees_all: false })
      const rows = new Map(judged.map(row => [row.new_id, row]))
      return redemptions.map(redemption => {
        const row = rows.get(redemption.family.id)
        return row === undefined || DOUBTFUL.has(row.verdict) ? undefined : outcomeOf(redemption, row)
      })
    },
    alone: createRedeemAlone(judge),
    isUndone: fault => fault instanceof postgres.PostgresError && fault.severity === 'ERROR',
    isOfOne: database.isDistributed,
    traced: { summary: 'update authorization_codes', tracing: database.batches },
  })
}

/**
 * A second look is taken at a code that was spent while the first one waited for its row: what the code bought was not there when that
 * statement began. The code is spent once, so that the second look has nothing to wait for.
 */
const createRedeemAlone =
  (judge: ReturnType<typeof createJudgeCodes>) =>
  async (redemption: Redemption): Promise<CodeOutcome> => {
    const [first] = await judge([redemption], { waits: true, sees_all: false })
    const [row] =
      first?.verdict === RACED ? await judge([redemption], { waits: true, sees_all: true }) : [first]
    if (row === undefined) return { verdict: 'unknown_code', user_id: redemption.user_id, family_id: null }
    if (row.verdict === LATE) throw new Unavailable('database', 1, 'judged too late')
    return outcomeOf(redemption, row)
  }

const outcomeOf = ({ user_id }: Redemption, row: JudgedCode): CodeOutcome => {
  const verdict = parseCodeVerdict(row.verdict)
  return verdict === 'redeemed' || verdict === 'repeated'
    ? { verdict, bought: boughtOf(row) }
    : { verdict, user_id, family_id: row.bought_id }
}

export const boughtOf = (row: Omit<BoughtRow, 'bought_id'>): Bought => {
  if (row.id === null) throw new Error('a code was redeemed without its family')
  return {
    family: familyOf(row, row.id),
    person: personOf(row),
    nonce: row.nonce,
    isRefreshable: row.isRefreshable,
  }
}

const familyOf = (row: Omit<BoughtRow, 'bought_id'>, id: string): Family => ({
  id,
  user_id: row.user_id,
  client_id: row.client_id,
  scope: row.scope,
  audience: row.audience,
  roles: row.roles,
  auth_time: row.auth_time,
  amr: row.amr,
  salt: row.salt,
  pepper_id: row.pepper_id,
  token_digest: row.token_digest,
  generation: row.generation,
  idle_expires_at: row.idle_expires_at,
  expires_at: row.expires_at,
  claims: row.claims,
  at: row.at,
})

const personOf = (row: Omit<BoughtRow, 'bought_id'>): Bought['person'] => ({
  id: row.user_id,
  email: row.email,
  email_verified_at: row.email_verified_at,
  name: row.name,
  given_name: row.given_name,
  family_name: row.family_name,
  preferred_username: row.preferred_username,
  picture: row.picture,
  locale: row.locale,
  zoneinfo: row.zoneinfo,
  updated_at: row.updated_at,
})
