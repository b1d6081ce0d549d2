import { type Answer, toAnswer } from './answer.ts'

type Request = Readonly<{
  /** POST with a body, GET without. */
  method?: string
  json?: unknown
  raw?: string
  form?: Readonly<Record<string, string>>
  bearer?: string
  /** The client's address, as the trusted proxy saw it. Empty: there was no proxy. */
  from?: string
  headers?: Readonly<Record<string, string>>
}>

export type Call = (path: string, request?: Request) => Promise<Answer>

/** An account API client that says whatever it is told to. */
export const createCall =
  (origin: string): Call =>
  async (path, { method, json, raw, form, bearer, from = newAddress(), headers = {} } = {}) => {
    const body = form
      ? new URLSearchParams(form).toString()
      : (raw ?? (json === undefined ? undefined : JSON.stringify(json)))
    const type = form ? 'application/x-www-form-urlencoded' : 'application/json'
    const response = await fetch(origin + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(from === '' ? {} : { 'X-Forwarded-For': from }),
        ...(body === undefined ? {} : { 'Content-Type': type }),
        ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    })
    return toAnswer(response)
  }

let addresses = 0
/** An IPv4 address that no other request has come from. */
export const newAddress = (): string => {
  addresses++
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
}

let people = 0
export const newEmail = (): string => `person${++people}@example.com`
export const PASSWORD = 'a lantern for the harbour'

/** The numbers from 0 to below the count: for so many requests at once. */
export const times = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index)
