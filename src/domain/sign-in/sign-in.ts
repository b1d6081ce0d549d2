import { describeDevice } from '../base/user-agent.ts'

/**
 * A living sign-in, as its person sees it: a refresh family of the account API, or all families that one application has opened from one
 * browser session, a family for each code. Whether a family lives is judged in SQL, by store/schema/family-predicates.ts.
 */
export type SignIn = Readonly<{
  /** The id of the family that was used last, which is the `sid` of its tokens. */
  id: string
  /** The ids of all its families. */
  family_ids: readonly string[]
  client_id: string
  /** The browser session that it was opened from; null for a sign-in of the account API. */
  session_id: string | null
  created_at: Date
  last_used_at: Date
  last_ip: string | null
  /** The user agent of the browser session, where there is one: the code is redeemed by the application, which may be a server. */
  last_user_agent: string | null
}>

/** A browser in which the person is signed in on the pages. `id` is the id of the browser session. */
export type SessionDevice = Omit<SignIn, 'client_id' | 'session_id'>

/** Ours (docs/decisions/0029): what the account API shows of a sign-in. */
export const presentSignIn = (signIn: SignIn, current_id: string | undefined) => {
  const current = current_id !== undefined && signIn.family_ids.includes(current_id)
  return {
    // The caller looks for the `sid` of its own token.
    id: current ? current_id : signIn.id,
    created_at: signIn.created_at.toISOString(),
    last_used_at: signIn.last_used_at.toISOString(),
    ip: signIn.last_ip,
    device: describeDevice(signIn.last_user_agent),
    current,
  }
}
