import type { AboutSignIn } from '../../domain/base/log-fields.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
import type { ReadFirstPartyToken } from '../access/read-first-party-token.ts'

type Needs = Readonly<{
  accounts: Accounts
  refreshFamilies: RefreshFamilies
  readFirstPartyToken: ReadFirstPartyToken
}>

type ByRefreshToken = Readonly<{
  everywhere: boolean
  /** False where the browser's origin may not act for this client. */
  admits: (client: Client) => boolean
}>

/**
 * Ours (docs/decisions/0029) – Ends one sign-in, or all sign-ins of the account. Its access tokens stay on the blocklist until they expire.
 */
export const createSignOut = ({ accounts, refreshFamilies, readFirstPartyToken }: Needs) => {
  /** Needs no limit: it also ends the sign-in that asks, which cannot ask again. */
  const endEverywhere = async (account_id: string) => {
    await accounts.endEverySignIn(account_id, 'signed_out_everywhere')
  }

  return {
    byBearer: async ({ claims, account }: Bearer, { everywhere }: { everywhere: boolean }): Promise<void> => {
      if (everywhere) return endEverywhere(account.id)
      const own = { user_id: account.id, salt: null, client_id: null, reason: 'signed_out' } as const
      if (claims.sid !== undefined) await refreshFamilies.end({ ...own, family_id: claims.sid })
    },

    /**
     * Signs out by a refresh token of a first-party client. A spent token ends its own sign-in alone. "everywhere" takes the current token,
     * because an old token out of a log could otherwise sign its owner out of every device. It also takes a cookie that another tab has just
     * refreshed, because a tab cannot know of that. Returns the sign-in, for the log.
     */
    byRefreshToken: async (text: string, { everywhere, admits }: ByRefreshToken): Promise<AboutSignIn> => {
      const { token, client, about } = await readFirstPartyToken(text, admits)
      const owner = everywhere ? await refreshFamilies.findAnswered(token) : null
      if (owner !== null) {
        await endEverywhere(owner.user_id)
        return about
      }
      const { family_id, user_id, salt } = token
      const { client_id } = client
      await refreshFamilies.end({ family_id, user_id, salt, client_id, reason: 'signed_out' })
      if (everywhere) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'refresh_not_current', about })
      return about
    },
  }
}

export type SignOut = ReturnType<typeof createSignOut>
