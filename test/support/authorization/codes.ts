import { randomBytes } from 'node:crypto'
import { uuidv7 } from 'uuidv7'
import {
  authorizationCodeOf,
  type NewAuthorizationCode,
  type PresentedCode,
  parseAuthorizationCode,
  type Redemption,
} from '../../../src/domain/authorization/authorization-code.ts'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import {
  type BrowserSession,
  type PresentedSession,
  parseSessionSecret,
  sessionSecretOf,
} from '../../../src/domain/sign-in/browser-session.ts'
import { refreshTokenAt, retryProofOf } from '../../../src/domain/sign-in/refresh-token.ts'
import { createAuthorizationCodes } from '../../../src/store/codes/authorization-codes.ts'
import { createPushedRequests } from '../../../src/store/codes/pushed-requests.ts'
import { createConsents } from '../../../src/store/consents/consents.ts'
import { createRefreshFamilies } from '../../../src/store/families/refresh-families.ts'
import type { Database as Pool } from '../../../src/store/postgres/database.ts'
import { createBrowserSessions } from '../../../src/store/sessions/browser-sessions.ts'
import { API, OTHER_API } from '../clients.ts'
import type { Database } from '../database.ts'
import { createUser, LIFETIMES } from '../families.ts'

export const SESSION_LIFETIMES = { idle_seconds: 3600, max_seconds: 86_400 }

const pepper = createPepper(randomBytes(32))
const source = { ip: '127.0.0.1', user_agent: 'test', request_id: 'test' }

/** The stores of the authorization endpoint on one pool. */
export const authorizationStores = (database: Pool) => ({
  codes: createAuthorizationCodes(database, LIFETIMES),
  consents: createConsents(database, LIFETIMES),
  families: createRefreshFamilies(database, LIFETIMES),
  pushedRequests: createPushedRequests(database),
  sessions: createBrowserSessions(database, { session: SESSION_LIFETIMES, access_token_seconds: 900 }),
})

const required = <T>(value: T | null): T => {
  if (value === null) throw new Error('nothing was made')
  return value
}

export const newSession = (user_id: string): PresentedSession =>
  required(parseSessionSecret(sessionSecretOf({ user_id, random: randomBytes(32) })))

export type SeededSession = Readonly<{
  user_id: string
  presented: PresentedSession
  session: BrowserSession
}>

/** A person who is signed in in one browser. */
export const seedSession = async (database: Database, person?: string): Promise<SeededSession> => {
  const user_id = person ?? (await createUser({ database, pepper: '' }))
  const presented = newSession(user_id)
  const session = await authorizationStores(database).sessions.open({
    ...presented,
    id: uuidv7(),
    credential_epoch: 0,
    amr: ['pwd', 'otp'],
    replaces: null,
    source,
  })
  return { user_id, presented, session: required(session) }
}

type Bindings = Partial<Omit<NewAuthorizationCode, 'user_id' | 'digest' | 'session_id'>>

export const newCode = (
  { user_id, session }: Readonly<{ user_id: string; session: Pick<BrowserSession, 'id'> }>,
  more: Bindings = {},
): NewAuthorizationCode => ({
  ...required(parseAuthorizationCode(authorizationCodeOf({ user_id, random: randomBytes(32) }))),
  session_id: session.id,
  client_id: 'app',
  redirect_uri: 'https://app.example/cb',
  code_challenge: 'challenge',
  dpop_jkt: null,
  scope: 'openid read',
  audience: [API, OTHER_API],
  nonce: 'n',
  consent_version: null,
  isRefreshable: true,
  pushed_request: null,
  claims: null,
  ...more,
})

/** A redemption with all that is right for `newCode`, each for a family of its own. */
export const redemptionOf = (
  { user_id, digest }: PresentedCode,
  more: Partial<Redemption> = {},
): Redemption => {
  const [id, salt] = [uuidv7(), randomBytes(16)]
  const token_digest = digestOf(refreshTokenAt({ family_id: id, user_id: null, salt, generation: 0 }, pepper))
  return {
    user_id,
    digest,
    client_id: 'app',
    redirect_uri: 'https://app.example/cb',
    code_challenge: 'challenge',
    jkt: null,
    sender_key: null,
    resources: [],
    logout_notice: null,
    retry_proof: null,
    family: { id, salt, pepper_id: pepper.id, token_digest },
    source,
    ...more,
  }
}

export const proofOf = (idempotency_key: string) =>
  retryProofOf({ idempotency_key, client_id: 'app', scope: null, resources: [] })

/** A code of a person, by the store's own verbs. */
export const seedCode = async (database: Database, more: Bindings = {}) => {
  const person = await seedSession(database)
  const code = newCode(person, more)
  if (!(await authorizationStores(database).codes.issue(code))) throw new Error('the code was not issued')
  return { ...person, code }
}

/** Makes a code older by `seconds`, as if its row had been written earlier. Citus refuses to calculate times of a column in an update. */
export const ageCode = ({ sql }: Database, { user_id, digest }: PresentedCode, seconds: number) => sql`
  with aged as materialized (
    select
      digest, expires_at - make_interval(secs => ${seconds}) as expires_at,
      spent_at - make_interval(secs => ${seconds}) as spent_at
    from authorization_codes
    where user_id = ${user_id} and digest = ${digest}
  )
  update authorization_codes c
  set expires_at = aged.expires_at, spent_at = aged.spent_at
  from aged
  where c.user_id = ${user_id} and c.digest = aged.digest`

/** The row as it stands; undefined when it is gone. */
export const codeRow = async ({ sql }: Database, { user_id, digest }: PresentedCode) => {
  const [row] = await sql<{ failures: number; spent_at: Date | null; family_id: string | null }[]>`
    select failures, spent_at, family_id
    from authorization_codes
    where user_id = ${user_id} and digest = ${digest}`
  return row
}

/** Why a family was ended, and whether the revocation feed names it. */
export const endOf = async ({ sql }: Database, family_id: string) => {
  const [row] = await sql<{ reason: string | null; is_announced: boolean }[]>`
    select
      revoke_reason as reason,
      exists (select value from revocations where kind = 'sid' and value = ${family_id}) as is_announced
    from refresh_families
    where id = ${family_id}`
  return row
}

export const LIVING = { reason: null, is_announced: false }
