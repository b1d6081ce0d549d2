import type { createAuthenticator } from './accounts/authenticator.ts'

type Authenticator = ReturnType<typeof createAuthenticator>

/** The members of an answer's JSON that tests read. An absent member is undefined in spite of its type. */
export type Body = Readonly<Record<string, unknown>> &
  Readonly<{
    user: Readonly<{ id: string; email: string; roles: readonly string[]; created_at: string }>
    roles: readonly string[]
    access_token: string
    refresh_token: string
    token_type: string
    expires_in: number
    refresh_token_expires_in: number
    /** RFC 6749 §5.2. */
    error: string
    error_description: string
    /** RFC 9457, and ours. */
    code: string
    errors: readonly Readonly<{ pointer: string; detail: string }>[]
    /** RFC 7662. */
    active: boolean
    status: string
    degraded: readonly string[]
    missing: readonly string[]
    acr_values_supported: readonly string[]
    /** `GET /auth/sessions`. */
    sessions: readonly Readonly<{
      id: string
      created_at: string
      last_used_at: string
      ip: string
      device: string
      current: boolean
    }>[]
    handle: string
    factors: readonly string[]
    secret: string
    uri: string
    recovery_codes: readonly string[]
    totp: unknown
    passkeys: readonly Readonly<Record<string, unknown>>[]
    passkey: Parameters<Authenticator['get']>[0] &
      Parameters<Authenticator['create']>[0] &
      Readonly<Record<string, unknown>>
  }>

export type Answer = Readonly<{ status: number; headers: Headers; text: string; body: Body }>

export const toAnswer = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '')
  const body = (isJson && text !== '' ? JSON.parse(text) : {}) as Body
  return { status: response.status, headers: response.headers, text, body }
}
