import type {
  RecognisedSession,
  SessionExchange,
  SessionOutcome,
} from '../domain/exchange/session-exchange.ts'

/** Sessions of applications that move to tokens. Rejects with Unavailable. */
export type SessionExchanges = {
  /** Whose session it is; null where there is no such account, or it is disabled. `isNew`: no family was opened for it yet. */
  findPerson(
    session: RecognisedSession & Readonly<{ client_id: string }>,
  ): Promise<Readonly<{ id: string; roles: readonly string[]; isNew: boolean }> | null>
  /**
   * Atomic: one family for a session of a person at a client, also of two servers at once. Opens it for a session that is new here, or
   * finds the one that it has opened.
   */
  exchange(session: SessionExchange): Promise<SessionOutcome>
}
