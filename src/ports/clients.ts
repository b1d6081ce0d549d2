/** The registered clients, and the assertions that they have spent. A comment states atomicity and failure. */
import type { Client } from '../domain/oauth/client.ts'

export type Clients = {
  /** Null when no client has this id. */
  find(client_id: string): Promise<Client | null>
  /** Every registered client. */
  all(): Promise<readonly Client[]>
  /** True for an origin of any registered redirect URI. */
  hasOrigin(origin: string): boolean
  /** True for an origin of a first-party client's redirect URI. */
  hasFirstPartyOrigin(origin: string): boolean
}

/**
 * RFC 7523 §3, WebAuthn §13.4.3 – Remembers assertions until they expire, across restarts and instances: of clients, and of the passkeys
 * that sign people in on the pages.
 */
export type SpentAssertions = {
  /** Atomic. False when the assertion has been spent before. Rejects with Unavailable when the database is away. */
  redeem(assertion: { client_id: string; jti: string; expires_at: Date }): Promise<boolean>
}
