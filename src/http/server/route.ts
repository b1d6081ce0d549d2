import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Pages } from '../pages/layout.ts'

/** A request over node:http: beside what Hono makes of it, `env.incoming` is what Node has read already. */
export type Http = { Bindings: HttpBindings }

/** One request, as a route sees it. */
export type Call = Readonly<{
  context: Context<Http>
  request_id: string
  /** The client's address, behind the trusted proxies. */
  ip: string
  /** Several lines of one name are joined (RFC 9110 §5.3). */
  header: (name: string) => string | undefined
  /** For an answer that a person reads, and the languages there are. */
  pages: Pages
}>

/** What a route answers. `log` joins the request's line in the log and never leaves the process. */
export type Reply = Readonly<{
  status: number
  body: string | Uint8Array<ArrayBuffer> | null
  headers: Readonly<Record<string, string>>
  /** Each a Set-Cookie of its own (RFC 6265 §3). */
  cookies?: readonly string[]
  log?: Readonly<Record<string, unknown>>
  /** An error that nobody foresaw: a line of its own in the log. */
  fault?: string
}>

export type Handle = (call: Call) => Promise<Reply>

export type Route = Readonly<{
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  /** Which browser origins may read the answer: all of them, those of first-party clients with their cookies, or none. */
  cors: 'anyone' | 'clients-with-cookies' | 'nobody'
  /**
   * How a refusal is answered: as JSON of RFC 6749 §5.2, as a problem of RFC 9457, as a page for the person who reads it, or as a page
   * until the client's redirect URI is proved and then by redirect (RFC 6749 §4.1.2.1).
   */
  errors: 'oauth' | 'problem' | 'page' | 'redirect'
  handle: Handle
}>

export const json = (status: number, body: unknown, headers: Reply['headers'] = {}): Reply => ({
  status,
  body: JSON.stringify(body),
  headers: { 'Content-Type': 'application/json', ...headers },
})

export const noContent: Reply = { status: 204, body: null, headers: {} }

/** RFC 6749 §5.1 – "no-store" on whatever holds or refuses a token. */
export const NO_STORE = { 'Cache-Control': 'no-store', Pragma: 'no-cache' }
