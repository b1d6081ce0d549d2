/** What administrators see and change. A comment states atomicity and failure. All verbs reject with Unavailable when the database is away. */
import type { AdministeredAccount } from '../domain/account/administered-account.ts'
import type { AdministeredSignIn } from '../domain/sign-in/administered-sign-in.ts'

/** What an index serves; each is in the order of the ids, but a prefix in that of the addresses. */
export type AccountSelection =
  | 'all'
  | 'disabled'
  | 'administrators'
  | 'viewers'
  | Readonly<{ email_prefix: string }>

type Page = Readonly<{
  /** The last id, or the last address, of the page before; null: the first page. */
  after: string | null
  limit: number
}>

export type AdministeredAccounts = {
  /** Takes the same time for every page. */
  list(page: Page & Readonly<{ selection: AccountSelection }>): Promise<readonly AdministeredAccount[]>
  find(id: string): Promise<AdministeredAccount | null>
}

export type AdministeredSignIns = {
  /** The newest one first. Takes the same time for every page. */
  list(
    page: Page & Readonly<{ of: Readonly<{ sub: string } | { client_id: string }> | null }>,
  ): Promise<readonly AdministeredSignIn[]>
  /** Null when the sign-in is unknown, or is not kept any more. */
  find(sid: string): Promise<AdministeredSignIn | null>
}
