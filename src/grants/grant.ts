import type { Client } from '../domain/oauth/client.ts'
import type { Form } from '../domain/oauth/form.ts'
import type { TokenResponse } from '../domain/oauth/token-response.ts'
import type { RequestSource } from '../domain/sign-in/refresh-family.ts'

/** A request to the token endpoint, once its client is known. */
export type GrantRequest = Readonly<{
  client: Client
  form: Form
  source: RequestSource
  /** The Idempotency-Key header: one for each attempt and its retries. */
  idempotency_key: string | undefined
}>

/** One way to get tokens. RFC 6749 §4. */
export type Grant = Readonly<{
  grant_type: string
  exchange(request: GrantRequest): Promise<TokenResponse>
}>
