import type { IncomingMessage } from 'node:http'
import { type Form, parseForm, parseParameters } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Call } from './route.ts'

/** The most bytes of a request body. The longest legitimate one contains a client assertion. */
const BODY_MAX_BYTES = 64 * 1024

type Json = Readonly<Record<string, unknown>>

/** RFC 6749 §3.2, appendix B – The form of a POST. Throws OAuthError. */
export const readForm = async (call: Call): Promise<Form> => {
  if (call.context.req.url.includes('?')) throw new OAuthError('parameter_in_query')
  return parseForm(await readFormText(call))
}

/** Ours – The form of a page, whose address may name the language of the answer and nothing else. Throws OAuthError. */
export const readPageForm = async (call: Call): Promise<Form> => {
  requireLanguageAlone(call)
  return parseForm(await readFormText(call))
}

const requireLanguageAlone = (call: Call) => {
  const { search } = new URL(call.context.req.url)
  if (!/^(?:\?ui_locales=[\w-]{0,40})?$/.test(search)) throw new OAuthError('parameter_in_query')
}

/** HTML Living Standard, "constructing the entry list" – The same for a form with check boxes of one name, which comes once for each ticked one. */
export const readFormWithBoxes = async (
  call: Call,
  name: string,
): Promise<Readonly<{ form: Form; ticked: readonly string[] }>> => {
  requireLanguageAlone(call)
  const text = await readFormText(call)
  const { form, faults } = parseParameters(text)
  for (const [faulty, fault] of faults)
    if (faulty !== name || fault !== 'parameter_repeated') throw new OAuthError(fault)
  return { form, ticked: new URLSearchParams(text).getAll(name) }
}

/** The same as text, for parameters that are not those of RFC 6749. Throws OAuthError. */
export const readFormText = async (call: Call): Promise<string> => {
  if (!isForm(call)) throw new OAuthError('content_type')
  const body = await readText(call)
  if ('fault' in body) throw new OAuthError(body.fault)
  return body.text
}

export const isForm = (call: Call): boolean => mediaTypeOf(call) === 'application/x-www-form-urlencoded'

/** RFC 8259 – The JSON object of a request to the account API. Throws Problem. */
export const readJson = async (call: Call): Promise<Json> => {
  if (mediaTypeOf(call) !== 'application/json') throw new Problem('CONTENT_TYPE_UNSUPPORTED')
  return parseObject(await readText(call))
}

/** RFC 7591 §3.1 – The JSON object of a request to an OAuth endpoint. Throws OAuthError. */
export const readOAuthJson = async (call: Call): Promise<Json> => {
  if (mediaTypeOf(call) !== 'application/json') throw new OAuthError('registration_not_json')
  const body = await readText(call)
  if ('fault' in body) throw new OAuthError(body.fault)
  try {
    return parseObject(body)
  } catch (error) {
    if (error instanceof Problem) throw new OAuthError('registration_not_json')
    throw error
  }
}

/** The same for a request that may leave the body out: null. */
export const readOptionalJson = async (call: Call): Promise<Json | null> => {
  const body = await readText(call)
  if (!('fault' in body) && body.text === '') return null
  if (mediaTypeOf(call) !== 'application/json') throw new Problem('CONTENT_TYPE_UNSUPPORTED')
  return parseObject(body)
}

const parseObject = (body: Body): Json => {
  if ('fault' in body) throw bodyRefused(body.fault)
  const value = parseJson(body.text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem('REQUEST_MALFORMED')
  return { ...value }
}

const bodyRefused = (fault: BodyFault): Problem => {
  switch (fault) {
    case 'body_too_large':
      return new Problem('PAYLOAD_TOO_LARGE', { reason: fault })
    case 'body_cut_off':
      return new Problem('REQUEST_MALFORMED', { reason: fault })
  }
}

const parseJson = (body: string): unknown => {
  // A decoder puts this character where the bytes are no UTF-8.
  if (body.includes('\ufffd')) throw new Problem('REQUEST_MALFORMED')
  try {
    return JSON.parse(body)
  } catch {
    throw new Problem('REQUEST_MALFORMED')
  }
}

const mediaTypeOf = ({ header }: Call): string | undefined =>
  header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()

type BodyFault = 'body_too_large' | 'body_cut_off'
type Body = Readonly<{ text: string } | { fault: BodyFault }>

const TOO_LARGE = { fault: 'body_too_large' } as const
const CUT_OFF = { fault: 'body_cut_off' } as const

const bodies = new WeakMap<IncomingMessage, Promise<Body>>()

/**
 * Resolves when the body has been received, or cannot be; its reader reports a fault. The caller's token is judged after that: a client
 * that holds its last byte back gains no time against a revocation.
 */
export const awaitBody = async (call: Call): Promise<void> => {
  const body = readText(call)
  bodies.set(call.context.env.incoming, body)
  await body
}

/**
 * The body as text. Ours: read from Node's request, because the web request around it takes longer. A client that goes away is no fault of
 * the server: it must not fill the log with errors.
 */
const readText = async ({ context, header }: Call): Promise<Body> => {
  const { incoming } = context.env
  const known = bodies.get(incoming)
  if (known !== undefined) return known
  if (Number(header('content-length')) > BODY_MAX_BYTES) return TOO_LARGE
  // Its events have been emitted already.
  if (incoming.destroyed) return CUT_OFF
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let bytes = 0
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes <= BODY_MAX_BYTES) return
      incoming.pause().off('data', take)
      resolve(TOO_LARGE)
    }
    incoming.on('data', take)
    incoming.on('end', () => resolve({ text: Buffer.concat(chunks).toString('utf8') }))
    incoming.on('error', () => resolve(CUT_OFF))
    incoming.on('close', () => resolve(CUT_OFF))
  })
}
