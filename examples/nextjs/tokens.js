import { createHmac } from 'node:crypto'
import { client_id, client_secret, issuer, secret, tokensOf } from './auth.js'

const LIMIT_MILLISECONDS = 5000
/** An access token is replaced so long before it expires that the request it goes into arrives in time. */
const MARGIN_SECONDS = 60

export const isDue = ({ expires_at }) => expires_at - MARGIN_SECONDS <= Date.now() / 1000

const credentials = [client_id, client_secret ?? ''].map(encodeURIComponent).join(':')
const post = (path, form, headers = {}) =>
  fetch(`${issuer}${path}`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(credentials)}`, ...headers },
    body: new URLSearchParams(form),
    cache: 'no-store',
    signal: AbortSignal.timeout(LIMIT_MILLISECONDS),
  })

/**
 * A refresh token is good once, and the requests of one page all come with the same one. The key is the same for all of them, in every
 * process and also later, when an answer did not reach the browser: Signet takes them for one attempt and gives each the same successor.
 * The key is secret, so that a stolen refresh token alone never looks like a retry.
 */
const attemptOf = refresh_token => createHmac('sha256', secret).update(refresh_token).digest('base64url')

/** The session with new tokens, or null when the sign-in is over. Rejects when Signet has not decided: the session goes on. */
const refresh = async session => {
  const { refresh_token } = session
  const form = { grant_type: 'refresh_token', refresh_token }
  const response = await post('/token', form, { 'idempotency-key': attemptOf(refresh_token) })
  const answer = await response.json()
  if (answer.error === 'invalid_grant') return null
  if (!response.ok) throw new Error(`Signet answered ${response.status} ${answer.error}`)
  const expires_at = Math.floor(Date.now() / 1000) + answer.expires_in
  return { ...session, ...tokensOf({ ...answer, expires_at }, session) }
}

const flights = new Map()
/** One request to Signet at a time for a session of this process, however many requests of the browser wait for it. */
export const refreshOnce = session => {
  const { refresh_token } = session
  const flight = flights.get(refresh_token) ?? refresh(session).finally(() => flights.delete(refresh_token))
  flights.set(refresh_token, flight)
  return flight
}

/** RFC 7009 – Ends the sign-in. One with `offline_access` outlives the session of the browser at Signet. */
export const revoke = async ({ refresh_token }) => {
  const { ok, status } = await post('/revoke', { token: refresh_token })
  if (!ok) throw new Error(`Signet answered ${status}`)
}
