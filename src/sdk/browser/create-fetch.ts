import type { Auth } from './auth.ts'
import { isOriginOfApi, type OptionRule, requireOptions } from './options.ts'

export type FetchOptions = Readonly<{
  /** The origins that get the access token, such as `https://api.example.com`. Requests to others are sent as they are. */
  origins: readonly string[]
}>

const OPTIONS: Readonly<Record<keyof FetchOptions, OptionRule>> = {
  origins: value => Array.isArray(value) && value.length > 0 && value.every(isOriginOfApi),
}

/**
 * RFC 6750 §2.1, §3.1 – A `fetch` that sends the access token to the listed origins alone. After a 401 it renews the token and sends the
 * request once more. Throws AuthError where no person is signed in, and a TypeError at once for a malformed option.
 */
export const createFetch = (auth: Pick<Auth, 'getToken'>, options: FetchOptions): typeof fetch => {
  requireOptions('createFetch', options, OPTIONS)
  const listed = new Set(options.origins.map(origin => new URL(origin).origin))
  return async (input, init) => {
    const request = new Request(input, init)
    if (!listed.has(new URL(request.url).origin)) return fetch(request)
    const again = request.clone()
    const token = await auth.getToken()
    const response = await fetch(withToken(request, token))
    if (response.status !== 401) return response
    return fetch(withToken(again, await auth.getToken({ isRefused: token })))
  }
}

const withToken = (request: Request, token: string): Request => {
  const headers = new Headers(request.headers)
  headers.set('Authorization', `Bearer ${token}`)
  return new Request(request, { headers })
}
