import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { z } from 'zod'
import type { App } from '../server/app.ts'

/** A request to the administration API, as the person whose token it has. */
export type ApiRequest = Readonly<{
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path and query. */
  path: string
  token: string
  /** The address of the person, for the events that the request causes. */
  ip: string
  body?: object | undefined
  /** The form of the answer. Default: JSON. */
  accept?: string
  /** RFC 9110 §13.1.1 – The version that the person has seen. */
  etag?: string | null | undefined
  /** HTML Standard §9.2.4 – How far the person's browser has read a stream. */
  last_event_id?: string | undefined
}>

/** Something wrong with a field. The pointer is that of RFC 6901. */
const FIELD_FAULT = z.object({ pointer: z.string(), detail: z.string() })
type FieldFault = z.output<typeof FIELD_FAULT>

/** Why the API has refused a request. */
export type ApiRefusal = Readonly<{
  status: number
  code: string
  title: string
  errors: readonly FieldFault[]
  /** True where this server has no such route. */
  isAbsent: boolean
}>

/** `value` is null for an answer without a body. */
export type ApiAnswer<T> = Readonly<{ value: T; etag: string | null }> | Readonly<{ refusal: ApiRefusal }>

/** Sends a request. `schema` parses the body of a success: an answer of another shape is a fault of this server. */
export type AskApi = <T>(request: ApiRequest, schema: z.ZodType<T>) => Promise<ApiAnswer<T>>

/**
 * Ours (docs/decisions/0058) – Asks the administration API of this process, over no socket. Every rule of that API holds: the token, the role, the
 * form of the request. `app` is that of the internal listener.
 */
export const createAskApi =
  (app: InternalApp): AskApi =>
  async (request, schema) => {
    const response = await send(app, request)
    const answered = await response.text()
    if (!response.ok) return { refusal: refusalOf(response.status, answered) }
    const value = schema.parse(answered === '' ? null : JSON.parse(answered))
    return { value, etag: response.headers.get('etag') }
  }

/** The answer unread, such as a stream, or a file for the person. */
export type RelayApi = (request: ApiRequest) => Promise<Response>

/** As `createAskApi`, for an answer that is passed on while it comes. */
export const createRelayApi =
  (app: InternalApp): RelayApi =>
  request =>
    send(app, request)

type InternalApp = () => Pick<App, 'fetch'>

const send = async (app: InternalApp, request: ApiRequest): Promise<Response> => {
  const { method, path, body } = request
  const text = body === undefined ? null : JSON.stringify(body)
  const headers = headersOf(request, text)
  const incoming = incomingOf({ headers, text, ip: request.ip })
  const bindings = { incoming, outgoing: new ServerResponse(incoming) }
  return app().fetch(new Request(new URL(path, HERE), { method, headers }), bindings)
}

const HERE = 'http://signet.invalid'

const headersOf = (
  { token, accept = 'application/json', etag = null, last_event_id }: ApiRequest,
  text: string | null,
): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  accept,
  ...(etag === null ? {} : { 'if-match': isFieldValue(etag) ? etag : OF_NO_VERSION }),
  ...(last_event_id === undefined ? {} : { 'last-event-id': last_event_id }),
  ...(text === null
    ? {}
    : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
})

/** RFC 9110 §5.5 – A form may bring any text back as `etag`. A text that no header can carry is replaced by the tag of no version: 412. */
const isFieldValue = (text: string): boolean => /^[\x20-\x7e]*$/.test(text)
const OF_NO_VERSION = '"none"'

type Incoming = Readonly<{ headers: Record<string, string>; text: string | null; ip: string }>

/** Node's request object, with the person's address as that of the peer. */
const incomingOf = ({ headers, text, ip }: Incoming): IncomingMessage => {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: ip })
  const incoming = new IncomingMessage(socket)
  incoming.headers = headers
  if (text !== null) incoming.push(text)
  incoming.push(null)
  return incoming
}

/** RFC 9457 §3 – The members of a problem. `error` is that of a route that is not there. */
const PROBLEM = z.object({
  title: z.string(),
  /** Why, in this case. */
  detail: z.string().optional(),
  code: z.string(),
  errors: z.array(FIELD_FAULT).default([]),
  error: z.string().optional(),
})

/** The refusal that the body of a problem tells. */
export const refusalOf = (status: number, text: string): ApiRefusal => {
  const { title: what, detail, code, errors, error } = PROBLEM.parse(JSON.parse(text))
  const title = detail === undefined ? what : `${what} ${detail}`
  const isAbsent = status === 405 || (status === 404 && error !== undefined)
  return { status, code, title, errors, isAbsent }
}
