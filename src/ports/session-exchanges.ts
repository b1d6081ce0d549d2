import type { SessionExchange, SessionOutcome } from '../domain/exchange/session-exchange.ts'

/** Sessions of applications that move to tokens. Rejects with Unavailable. */
export type SessionExchanges = {
  /**
   * Atomic: one family for a session of a person at a client, also of two servers at once. Opens it for a session that is new here, or
   * finds the one that it has opened.
   */
  exchange(session: SessionExchange): Promise<SessionOutcome>
}
