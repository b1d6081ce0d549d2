import { Problem } from '../../domain/base/problem.ts'
import type { Client } from '../../domain/oauth/client.ts'
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
 * Ours (docs/decisions/0029) – Ends this sign-in, or every sign-in of the account. The access tokens of an ended sign-in are on the
 * blocklist when this resolves, for the longest time that they could have lived.
 */
export const createSignOut = ({ accounts, refreshFamilies, readFirstPartyToken }: Needs) => {
  /** Needs no limit: the sign-in that asks ends too and cannot ask again. */
  const endEverywhere = async (account_id: string) => {
    await accounts.endEverySignIn(account_id, 'signed_out_everywhere')
  }

  return {
    byBearer: async ({ claims, account }: Bearer, { everywhere }: { everywhere: boolean }): Promise<void> => {
      if (everywhere) return endEverywhere(account.id)
      const own = { salt: null, client_id: null, reason: 'signed_out' } as const
      if (claims.sid !== undefined) await refreshFamilies.end({ ...own, id: claims.sid })
    },

    /**
     * By a refresh token of a first-party client. A spent token ends its own sign-in alone; "everywhere" needs the current one, because
     * an old token from a log could otherwise sign its owner out of every device.
     */
    byRefreshToken: async (text: string, { everywhere, admits }: ByRefreshToken): Promise<void> => {
      const { token, client } = await readFirstPartyToken(text, admits)
      if (everywhere) {
        const family = await refreshFamilies.findCurrent(token)
        if (family === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'refresh_not_current' })
        return endEverywhere(family.user_id)
      }
      const { family_id: id, salt } = token
      await refreshFamilies.end({ id, salt, client_id: client.client_id, reason: 'signed_out' })
    },
  }
}

export type SignOut = ReturnType<typeof createSignOut>
