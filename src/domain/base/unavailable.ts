/** A resource that the request needs cannot be reached or is full. Every adapter throws this one error for it; HTTP answers 503. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  readonly what:
    | 'database'
    | 'password_workers'
    | 'signing_key'
    | 'answers'
    | 'outbound'
    | 'password_hook'
    | 'claims_hook'
    | 'registrations'
    | 'session_verifier'
    | 'event_followers'
  /** Whole seconds after which the client should retry. */
  readonly retry_after_seconds: number

  constructor(what: Unavailable['what'], retry_after_seconds: number, cause?: unknown) {
    super(`${what} unavailable`, { cause })
    this.what = what
    this.retry_after_seconds = retry_after_seconds
  }
}
