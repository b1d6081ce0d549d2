import { CLOCK_TOLERANCE_MAX_SECONDS } from './clock-tolerance.ts'

/**
 * Ours: seconds for which a row is kept after it has expired by the database's clock. A server judges an assertion by its own clock, and
 * an operator who investigates an event of yesterday still finds the sign-in. Carried out by store/janitor.ts.
 */
const RETENTION_SECONDS = 86_400

/** The same for tables that operators do not investigate and that gain a row for each access token, each proof or each change of the feed. */
const SHORT_RETENTION_SECONDS = 2 * CLOCK_TOLERANCE_MAX_SECONDS

/** RFC 6749 §4.1.2 – Seconds for which a code is kept after it expired, so that its replay ends what the code bought. */
export const SPENT_CODE_SECONDS = 600

/** A person signs in before the code of a pushed request is issued: the sealed request that the page holds is valid for an hour. */
const PUSHED_REQUEST_RETENTION_SECONDS = 3_600 + SHORT_RETENTION_SECONDS

/** Seconds for which a browser session is kept after it was idle for too long, before its row expires. */
export const IDLE_SESSION_SECONDS = RETENTION_SECONDS

/** Days for which events are kept unless a setting says otherwise: an audit of a year, and the time to make it. */
export const EVENT_RETENTION_DAYS = 400

/** The tables whose rows expire, in the order of deletion, with the seconds for which an expired row is kept. */
export const RETENTIONS = [
  ['refresh_families', RETENTION_SECONDS],
  ['revocations', RETENTION_SECONDS],
  ['feed_positions', SHORT_RETENTION_SECONDS],
  ['spent_assertions', RETENTION_SECONDS],
  ['status_entries', SHORT_RETENTION_SECONDS],
  ['import_batches', RETENTION_SECONDS],
  ['email_links', RETENTION_SECONDS],
  ['account_names', RETENTION_SECONDS],
  ['ceremonies', RETENTION_SECONDS],
  ['authorization_codes', SPENT_CODE_SECONDS],
  ['browser_sessions', RETENTION_SECONDS],
  ['device_authorizations', SPENT_CODE_SECONDS],
  ['pushed_requests', PUSHED_REQUEST_RETENTION_SECONDS],
  ['client_logos', SHORT_RETENTION_SECONDS],
  ['client_changes', SHORT_RETENTION_SECONDS],
  ['invitations', RETENTION_SECONDS],
  ['registration_tokens', RETENTION_SECONDS],
  ['spent_proofs', SHORT_RETENTION_SECONDS],
  ['deliveries', RETENTION_SECONDS],
  ['exchanged_sessions', RETENTION_SECONDS],
  ['activity', 0],
  ['leases', RETENTION_SECONDS],
] as const
export type ExpiringTable = (typeof RETENTIONS)[number][0]
