/** The authorization endpoint: codes, consents, browser sessions. A comment states atomicity and failure. All reject with Unavailable. */
import type {
  CodeOutcome,
  NewAuthorizationCode,
  PresentedCode,
  Redemption,
} from '../domain/authorization/authorization-code.ts'
import type { Consent, ConsentRecord } from '../domain/authorization/consent.ts'
import type { PushedRequest } from '../domain/authorization/pushed-request.ts'
import type {
  BrowserSession,
  NewBrowserSession,
  OpenedSession,
  PresentedSession,
} from '../domain/sign-in/browser-session.ts'
import type { EndReason } from '../domain/sign-in/refresh-family.ts'
import type { SessionDevice } from '../domain/sign-in/sign-in.ts'

export type AuthorizationCodes = {
  /**
   * Atomic: consumes the pushed request with it. False, and nothing is written, unless the session and its account live, the consent
   * has the version that is given, and the pushed request was not consumed by another code.
   */
  issue(code: NewAuthorizationCode): Promise<boolean>
  /** What a code of the client was issued for; null when the code was spent or has expired. */
  findUnspent(
    code: PresentedCode & Readonly<{ client_id: string }>,
  ): Promise<Pick<NewAuthorizationCode, 'scope' | 'audience'> | null>
  /**
   * Atomic: judges the code on its locked row, with the account and the consent held, and does what the verdict says in one statement:
   * spends it and opens its family, counts a failure, or ends what it bought with the entry in the revocation feed.
   */
  redeem(redemption: Redemption): Promise<CodeOutcome>
}

export type BrowserSessions = {
  /**
   * Atomic. Replaces the session that the browser brought: the same person's goes on under the new secret with a new `auth_time`,
   * another person's is ended. Null unless the account is enabled and its epoch is still the one that was checked.
   */
  open(session: NewBrowserSession): Promise<OpenedSession | null>
  /** The session, while it and its account live; null otherwise. Its idle expiry is moved at most once a minute. */
  find(session: PresentedSession): Promise<BrowserSession | null>
  /** The same, with what the session's person has granted to a client: one statement. */
  findAtClient(
    session: PresentedSession & Readonly<{ client_id: string }>,
  ): Promise<Readonly<{ session: BrowserSession; consent: Consent | null }> | null>
  /**
   * Atomic: ends the session, and with it the sign-ins opened from it whose scope has `openid` and not `offline_access`, each with its
   * entry in the revocation feed. Returns the sign-ins that it ended; null when the session is unknown or ended already.
   */
  end(session: PresentedSession): Promise<readonly string[] | null>
  /** The living sessions of a person without a living sign-in at an application, the one used last first. A hundred at most. */
  listWithoutSignIn(user_id: string): Promise<readonly SessionDevice[]>
  /**
   * Atomic for each batch of very many: ends the sign-in or the session of the person that has the id. With a sign-in it ends the session
   * that it was opened from, unless that is `keep_session`; with a session what `end` does. Returns the sign-ins that it ended.
   */
  endDevice(
    device: Readonly<{ user_id: string; id: string; keep_session: string }>,
  ): Promise<readonly string[]>
}

/** RFC 9126. A request is consumed by the code that it leads to: see `AuthorizationCodes.issue`. */
export type PushedRequests = {
  push(request: PushedRequest): Promise<void>
  /** Null when it is unknown, another client's, expired or consumed. */
  find(request: Pick<PushedRequest, 'digest' | 'client_id'>): Promise<PushedRequest | null>
}

type Party = Readonly<{ user_id: string; client_id: string }>

export type Consents = {
  /** Null: nothing was ever granted. */
  find(party: Party): Promise<Consent | null>
  /**
   * Atomic: adds to what was granted and to what was declined before, and takes out of the one what is new in the other. Replaces both where
   * `document_digest` differs from the one before. Null when there is no such account of this epoch: everything of the person who has
   * answered was ended meanwhile. Defaults: nothing declined, no digest.
   */
  grant(
    consent: Party &
      Pick<Consent, 'granted' | 'document_digest' | 'document_parts'> &
      Readonly<{ credential_epoch: number; declined?: readonly string[] }>,
  ): Promise<Consent | null>
  /**
   * Atomic: forgets what was granted and declined, raises the version and ends every sign-in of the person at the client, with its entry in the
   * revocation feed. Returns the sign-ins that it ended; null when nothing was granted.
   */
  withdraw(party: Party & Readonly<{ reason: EndReason }>): Promise<readonly string[] | null>
  /** What a person has granted, the latest first. */
  list(user_id: string): Promise<readonly ConsentRecord[]>
}
