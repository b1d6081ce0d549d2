import type { CommonClaims } from '../verify/claims.ts'
import type { Verified } from '../verify/verifier.ts'

/** A request that passed a guard: by its token, or, while an application moves to tokens, by the session that it had before. */
export type Authenticated =
  | (Verified & Readonly<{ by: 'token' }>)
  | Readonly<{ by: 'session'; claims: CommonClaims; revocation: 'off' }>

/** Ours – How the guards of an application that moves from sessions to tokens take both, and until when. */
export type OldSessions<Request> = Readonly<{
  /**
   * Finds the session of a request, and says whose it is: `sub` as the tokens say it, and what the requirements of the routes ask for (`scope`,
   * `roles`, `auth_time`, …). Null: there is none. Called for requests without a token only. A rejection is an error of the application.
   */
  recognise: (request: Request) => CommonClaims | null | Promise<CommonClaims | null>
  /** False: tokens alone are taken. Default true. From the environment: `process.env.ENABLE_SESSIONS !== 'false'`. */
  enabled?: boolean
  /** The time from which tokens alone are taken, such as `2027-03-31T00:00:00Z`. Default: none. */
  until?: Date | string
  /** Called for each request that passes: it tells who still comes by session. */
  onUse?: (auth: Authenticated) => void
  /** Milliseconds since 1970. Default: Date.now. */
  now?: () => number
}>
