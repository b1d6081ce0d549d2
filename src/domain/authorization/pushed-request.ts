import type { Digest, Plain } from '../base/digest.ts'

/** RFC 9126 §2.2 – The `request_uri` of a pushed request, whole. */
export type PushedRequestUri = Plain<'pushed_request'>

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
