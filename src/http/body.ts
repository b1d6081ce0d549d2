import { type Form, parseForm } from '../domain/form.ts'
import { OAuthError } from '../domain/oauth-error.ts'
import { Problem } from '../domain/problem.ts'
import type { Call } from './route.ts'

/** Bytes of a request body, at most. The longest honest one is a client assertion. */
const BODY_MAX_BYTES = 64 * 1024

/** RFC 6749 §3.2, appendix B – The form of a POST. Throws OAuthError. */
export const readForm = async (call: Call): Promise<Form> => {
  if (call.context.req.url.includes('?')) throw new OAuthError('parameter_in_query')
  if (mediaTypeOf(call) !== 'application/x-www-form-urlencoded') throw new OAuthError('content_type')
  const body = await readText(call).catch(brokenOff(new OAuthError('body_unreadable')))
  if (body === null) throw new OAuthError('body_too_large')
  return parseForm(body)
}

/** RFC 8259 – The JSON object of a request to the account API. Throws Problem. */
export const readJson = async (call: Call): Promise<Readonly<Record<string, unknown>>> => {
  if (mediaTypeOf(call) !== 'application/json') throw new Problem('CONTENT_TYPE_UNSUPPORTED')
  const body = await readText(call).catch(brokenOff(new Problem('REQUEST_MALFORMED', 'body_broken_off')))
  if (body === null) throw new Problem('PAYLOAD_TOO_LARGE')
  const value = parseJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem('REQUEST_MALFORMED')
  return { ...value }
}

/** True when the request brought a body at all. */
export const hasBody = ({ header }: Call): boolean =>
  header('transfer-encoding') !== undefined || Number(header('content-length') ?? 0) > 0

/** A client that goes away within its body is a fault of nobody here: no stack in the log. */
const brokenOff = (refusal: OAuthError | Problem) => (): never => {
  throw refusal
}

const parseJson = (body: string): unknown => {
  // What a decoder leaves where there was no UTF-8.
  if (body.includes('\ufffd')) throw new Problem('REQUEST_MALFORMED')
  try {
    return JSON.parse(body)
  } catch {
    throw new Problem('REQUEST_MALFORMED')
  }
}

const mediaTypeOf = ({ header }: Call): string | undefined =>
  header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()

/** The body as text; null when it is too large. Ours: node:http holds a body to its Content-Length, so that only a chunked one is counted. */
const readText = async ({ context, header }: Call): Promise<string | null> => {
  const length = header('content-length')
  if (length === undefined) return countText(context.req.raw.body)
  return Number(length) > BODY_MAX_BYTES ? null : context.req.text()
}

const countText = async (body: ReadableStream<Uint8Array> | null): Promise<string | null> => {
  if (body === null) return ''
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks).toString('utf8')
    bytes += value.length
    if (bytes > BODY_MAX_BYTES) return null
    chunks.push(value)
  }
}
