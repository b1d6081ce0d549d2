import { AuthError } from './auth-error.ts'

const TIMEOUT_MILLISECONDS = 10_000

export type JsonObject = Readonly<Record<string, unknown>>

type Sent = Readonly<{
  url: string
  /** A form (RFC 6749) or a JSON object (the account API). Default none. */
  body?: URLSearchParams | JsonObject
  idempotency_key?: string | undefined
  credentials?: RequestCredentials
  /** True for a request that must survive the page. */
  keepalive?: boolean
}>

/** Sends a POST and reads its JSON answer, within ten seconds. Throws AuthError. */
export const sendPost = async ({
  url,
  body,
  idempotency_key,
  credentials = 'omit',
  keepalive = false,
}: Sent): Promise<JsonObject> => {
  const isJson = body !== undefined && !(body instanceof URLSearchParams)
  const response = await fetch(url, {
    method: 'POST',
    body: isJson ? JSON.stringify(body) : (body ?? null),
    headers: {
      Accept: 'application/json',
      // A form's type is set by the browser; without a preflight where no other header asks for one.
      ...(isJson ? { 'Content-Type': 'application/json' } : {}),
      ...(idempotency_key === undefined ? {} : { 'Idempotency-Key': idempotency_key }),
    },
    credentials,
    keepalive,
    cache: 'no-store',
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
  }).catch((error: unknown) => {
    throw new AuthError('network', 'The server could not be reached.', { cause: error })
  })
  const answer = await readObject(response)
  if (response.ok) return answer ?? {}
  throw errorOf(response, answer)
}

const readObject = async (response: Response): Promise<JsonObject | null> => {
  try {
    const text = await response.text()
    const value: unknown = text === '' ? {} : JSON.parse(text)
    return isObject(value) ? value : null
  } catch (error) {
    // The connection may end among the answer's bytes: whether the request has succeeded is unknown.
    if (response.ok) throw new AuthError('network', 'The answer of the server was cut off.', { cause: error })
    return null
  }
}

const errorOf = (response: Response, answer: JsonObject | null): AuthError => {
  const { status, headers } = response
  const reason = asText(answer?.['error']) ?? asText(answer?.['code'])
  const message =
    asText(answer?.['error_description']) ?? asText(answer?.['title']) ?? `The server answered ${status}.`
  const detail = {
    reason,
    status,
    // Not a number: the header is absent, or a date.
    retry_after_seconds: Number(headers.get('Retry-After')) || undefined,
    fields: fieldsOf(answer?.['errors']),
    problem: answer ?? {},
  }
  if (status === 429) return new AuthError('rate_limited', message, detail)
  // A refusal without a code of Signet's is from a proxy before it, and says nothing of the sign-in.
  return new AuthError(status >= 500 || reason === undefined ? 'server' : 'refused', message, detail)
}

/** RFC 9457 §3 – `errors` of the account API, by the name of the field. */
const fieldsOf = (errors: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (Array.isArray(errors) ? errors : []).filter(isObject).map(({ pointer, detail }) => {
      return [String(pointer).replace(/^#?\//, ''), String(detail)]
    }),
  )

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** The parameters of a form or a query that have a value. */
export const parametersOf = (values: Readonly<Record<string, string | undefined>>): URLSearchParams =>
  new URLSearchParams(Object.entries(values).flatMap(([name, value]) => (value ? [[name, value]] : [])))
