import type { Digest, Plain } from '../base/digest.ts'

/** RFC 9126 §2.2 – The `request_uri` of a pushed request, whole. */
export type PushedRequestUri = Plain<'pushed_request'>

const PREFIX = 'urn:ietf:params:oauth:request_uri:'

/** A new one. `random` has 32 bytes. */
export const pushedRequestUriOf = (random: Uint8Array): PushedRequestUri =>
  `${PREFIX}${Buffer.from(random).toString('base64url')}` as PushedRequestUri

/** Reads a `request_uri`. Null for what was never one of ours, a URL among them: none is ever fetched (RFC 9101 §10.4.1). */
export const parsePushedRequestUri = (text: string): PushedRequestUri | null =>
  text.startsWith(PREFIX) ? (text as PushedRequestUri) : null

/**
 * RFC 9126 §2.2 – Seconds (`expires_in`) in which a pushed request may be brought to the authorization endpoint. Judged in SQL, by
 * store/codes/pushed-requests.ts.
 */
export const PUSHED_REQUEST_SECONDS = 90

export type PushedRequest = Readonly<{
  digest: Digest<'pushed_request'>
  client_id: string
  /** As the client sent them: application/x-www-form-urlencoded. */
  parameters: string
}>
