// @ts-check
/** What the application asks of Signet. */
import { createHash } from 'node:crypto'

/**
 * @typedef {{ access_token: string, expires_in: number, refresh_token?: string, refresh_token_expires_in?: number }} Tokens
 * @typedef {Tokens | 'refused' | 'away'} Outcome
 */

const hash = (/** @type {string} */ text) => createHash('sha256').update(text).digest('base64url')

/** @param {{ issuer: string, client_id: string, client_secret: string }} options */
export const createTokens = ({ issuer, client_id, client_secret }) => {
  const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`

  /** @type {(path: string, form: Record<string, string>, secret: string) => Promise<Response>} */
  const post = (path, form, secret) =>
    fetch(issuer + path, {
      method: 'POST',
      // The same key for the same session or refresh token: requests at once, and those whose answer was lost, get the same tokens.
      headers: { authorization, 'idempotency-key': hash(secret) },
      body: new URLSearchParams(form),
      signal: AbortSignal.timeout(10_000),
    })

  /** @type {(form: Record<string, string>, secret: string) => Promise<Outcome>} */
  const ask = async (form, secret) => {
    try {
      const response = await post('/token', form, secret)
      if (response.ok) return await response.json()
      return response.status < 500 && response.status !== 429 ? 'refused' : 'away'
    } catch {
      return 'away'
    }
  }

  return {
    /** @param {string} session */
    exchange: session =>
      ask(
        {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token_type: 'urn:signet:token-type:session',
          subject_token: session,
        },
        session,
      ),
    /** @param {string} refresh_token */
    refresh: refresh_token => ask({ grant_type: 'refresh_token', refresh_token }, refresh_token),
    /** @param {{ code: string, code_verifier: string, redirect_uri: string }} answer */
    redeem: answer => ask({ grant_type: 'authorization_code', ...answer }, answer.code),
    /** @param {string} token */
    revoke: token => post('/revoke', { token }, token),
  }
}
