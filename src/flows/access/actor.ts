import type { Account } from '../../domain/account/account.ts'

/** A person who acts on their own account, by an access token or on the pages. */
export type Actor = Readonly<{
  account: Account
  /** The sign-in of the token, null for a token without one; or the browser session of the pages. */
  acts_by: Readonly<{ sid: string | null }> | Readonly<{ session_id: string }>
}>

/** What goes on when the person ends all the others. */
export const keptOf = ({ acts_by }: Actor) =>
  'sid' in acts_by ? { keep: acts_by.sid } : { keep: null, keep_session: acts_by.session_id }

/** Under which the acts of one sign-in or one browser are counted: a stolen one does not spend the limits of the others. */
export const actorKeyOf = ({ account, acts_by }: Actor): string =>
  ('sid' in acts_by ? acts_by.sid : acts_by.session_id) ?? account.id
