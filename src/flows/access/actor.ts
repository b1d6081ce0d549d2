import type { Account } from '../../domain/account/account.ts'
import type { Digest } from '../../domain/base/digest.ts'
import { type AboutRequest, aboutSignIn } from '../../domain/base/log-fields.ts'
import { amrWith, type FactorMethod } from '../../domain/oauth/acr.ts'
import type { KeptSession } from '../../domain/sign-in/browser-session.ts'

/** A browser session of the pages. After a change of credentials it goes on under the secret of `next_digest`. */
type ActingSession = Readonly<{ session_id: string; next_digest: Digest<'browser_session'> }>

/** A person who acts on their own account, by an access token or on the pages. */
export type Actor = Readonly<{
  account: Account
  /** The sign-in of the token, null for a token without one; or the browser session of the pages. */
  acts_by: Readonly<{ sid: string | null }> | ActingSession
}>

/** A person who changes how their account signs in, with what their sign-in has proved. */
export type Owner = Actor &
  Readonly<{
    /** The client of the token; the built-in first-party client on the pages. */
    client_id: string
    amr: readonly string[]
    acr: string | null
    /** RFC 9449 – Thumbprint of the key that the request has proved to hold; null for a bearer token, and on the pages. */
    jkt: string | null
    /** When the person last proved who they are, in seconds since 1970. */
    auth_time: number
    /** The request that makes the change, for the lines of the log that it causes. */
    request_id: string
  }>

/** The sign-in or the browser session that acts; null for a token without a sign-in. */
export const actingIdOf = ({ acts_by }: Pick<Actor, 'acts_by'>): string | null =>
  'sid' in acts_by ? acts_by.sid : acts_by.session_id

type Kept = Readonly<{ keep: string | null; keep_session?: KeptSession }>

/** What goes on when the person ends all the others. */
export const keptOf = ({ acts_by }: Actor): Kept =>
  'sid' in acts_by ? { keep: acts_by.sid } : { keep: null, keep_session: keptSession(acts_by, null) }

/** The same after a change that has proved a new factor: a browser session has the methods of both from then on. */
export const keptWith = (owner: Owner, method: FactorMethod): Kept =>
  'sid' in owner.acts_by
    ? keptOf(owner)
    : { keep: null, keep_session: keptSession(owner.acts_by, amrWith(owner.amr, method)) }

const keptSession = (
  { session_id: id, next_digest: digest }: ActingSession,
  amr: readonly string[] | null,
): KeptSession => ({ id, digest, amr })

/** Under which the acts of one sign-in or one browser are counted: a stolen one does not spend the limits of the others. */
export const actorKeyOf = (actor: Actor): string => actingIdOf(actor) ?? actor.account.id

/** Names the account and the sign-in of a change, and the request that makes it. */
export const aboutOwner = ({ account, acts_by, client_id, request_id }: Owner): AboutRequest => ({
  ...aboutSignIn({ sub: account.id, sid: 'sid' in acts_by ? acts_by.sid : null, client_id }),
  request_id,
})
