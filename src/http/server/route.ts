import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { LogFields } from '../../domain/base/log-fields.ts'
import type { Pages } from '../layout/layout.ts'

/** A request over node:http. `env.incoming` is Node's own request. */
export type Http = { Bindings: HttpBindings }

/** One request, in the form that routes get. */
export type Call = Readonly<{
  context: Context<Http>
  request_id: string
  /** The client's address, behind the trusted proxies. */
  ip: string
  /** The value of a header. Lines of one name are joined (RFC 9110 §5.3). */
  header: (name: string) => string | undefined
  /** For an answer that a person reads, and the languages there are. */
  pages: Pages
}>

/** The answer of a route. `log` joins the request's line in the log and never leaves the process. */
export type Reply = Readonly<{
  status: number
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null
  headers: Readonly<Record<string, string>>
  /** Each is sent as a Set-Cookie of its own (RFC 6265 §3). */
  cookies?: readonly string[]
  log?: LogFields
  /** An error that was not foreseen: a line of its own in the log. */
  fault?: string
  /** Marks an answer of 5xx that is no fault of the server. */
  isNoFault?: true
}>

export type Handle = (call: Call) => Promise<Reply>

export type Route = Readonly<{
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  /** The browser origins that may read the answer: all of them, those of first-party clients with their cookies, or none. */
  cors: 'anyone' | 'clients-with-cookies' | 'none'
  /**
   * The form of a refusal: JSON of RFC 6749 §5.2, a problem of RFC 9457, a page, or a page until the client's redirect URI is proved
   * and a redirect from then on (RFC 6749 §4.1.2.1).
   */
  errors: 'oauth' | 'problem' | 'page' | 'redirect'
  /** For what asks every few seconds: its requests have no line in the log. A fault of the server has its own line all the same. */
  isProbe?: true
  /** For a handler that hands the origin down itself: the origin need not follow the request (docs/decisions/0057). */
  handsOriginDown?: true
  handle: Handle
}>

export const json = (status: number, body: unknown, headers: Reply['headers'] = {}): Reply => ({
  status,
  body: JSON.stringify(body),
  headers: { 'Content-Type': 'application/json', ...headers },
})

export const noContent: Reply = { status: 204, body: null, headers: {} }

/** RFC 6749 §5.1 – For every answer that contains or refuses a token. */
export const NO_STORE = { 'Cache-Control': 'no-store', Pragma: 'no-cache' }

/** RFC 9110 §13.1.2 – True where If-None-Match lists the tag. Compared weakly: a proxy that compresses makes the tag weak. */
export const matchesEtag = (etag: string, ifNoneMatch = ''): boolean =>
  ifNoneMatch.split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)

/** The method as a label of a metric. A stranger must not be able to make a series. */
export const nameOf = (method: string): string => (METHODS.has(method) ? method : 'other')
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
