import { type Answer, toAnswer } from './answer.ts'

export type Asking = Readonly<{
  /** POST with a body, GET without. */
  method?: string
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, as if it were JSON. */
  raw?: string
  /** Sent as `application/x-www-form-urlencoded`. */
  form?: Readonly<Record<string, string>>
  /** RFC 6750 §2.1 – An access token. */
  token?: string
  /** The client's address as the trusted proxy saw it. Empty: the request came through no proxy. */
  from?: string
  headers?: Readonly<Record<string, string>>
}>

/** Sends one request to one server. The server of a deployment holds each exchange against openapi.yaml. */
export type Ask = (path: string, asking?: Asking) => Promise<Answer>

/** A server that can be asked: through `app.fetch` or over a socket. */
export type Askable = Readonly<{ ask: Ask }>

export const toRequestInit = (asking: Asking): RequestInit => {
  const { form, raw, token, from = '', headers = {} } = asking
  const json = asking.body === undefined ? undefined : JSON.stringify(asking.body)
  const body = form === undefined ? (raw ?? json) : new URLSearchParams(form).toString()
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded'
  return {
    method: asking.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(from === '' ? {} : { 'X-Forwarded-For': from }),
      ...(body === undefined ? {} : { 'Content-Type': type }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  }
}

/** Asks over a socket. Each request comes from an address of its own unless the test names one. */
export const createAsk =
  (origin: string): Ask =>
  async (path, { from = newAddress(), ...asking } = {}) =>
    toAnswer(await fetch(origin + path, toRequestInit({ ...asking, from })))

let addresses = 0
/** An IPv4 address that no other request has come from. */
export const newAddress = (): string => {
  addresses++
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
}

let people = 0
export const newEmail = (): string => `person${++people}@example.com`
export const PASSWORD = 'a lantern for the harbour'

/** The numbers from 0 to count - 1, to make that many requests at once. */
export const times = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index)
