import type { AboutSignIn } from '../domain/base/log-fields.ts'
import type { Client } from '../domain/oauth/client.ts'
import type { Form } from '../domain/oauth/form.ts'
import type { TokenResponse } from '../domain/oauth/token-response.ts'
import type { TracedSource } from '../domain/sign-in/refresh-family.ts'

/** A request to the token endpoint whose client is authenticated. */
export type GrantRequest = Readonly<{
  client: Client
  form: Form
  source: TracedSource
  /**
   * RFC 9449 §5 – Judges the proof and spends it: the thumbprint of the key that the tokens are to be bound to. Null without a proof. A grant
   * calls it once, when whatever costs no query is judged: garbage must not fill the table of spent proofs. Throws `invalid_dpop_proof`.
   */
  proveSender: () => Promise<string | null>
  /** The Idempotency-Key header: an attempt and its retries share one. */
  idempotency_key: string | undefined
}>

/** The tokens, and the sign-in that they are of, for the log. A client that acts for itself has none. */
export type Granted = Readonly<{ tokens: TokenResponse; about: AboutSignIn }>

/** RFC 6749 §4 – A way to get tokens. */
export type Grant = Readonly<{
  grant_type: string
  /** True where each event of the grant has its origin from `source`: the origin need not follow the request (docs/decisions/0057). */
  handsOriginDown?: true
  exchange(request: GrantRequest): Promise<Granted>
}>
