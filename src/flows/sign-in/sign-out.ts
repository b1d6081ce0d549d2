import type { AboutSignIn } from '../../domain/base/log-fields.ts'
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

/** Ours (docs/decisions/0029) – Ends this sign-in, or all of the person's. By then its access tokens are on the blocklist, for as long as they would have lived. */
export const createSignOut = ({ accounts, refreshFamilies, readFirstPartyToken }: Needs) => {
  /** No limit: it ends the sign-in that asks as well, which can ask no more. */
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
     * By a refresh token of a first-party client. A spent one ends its own sign-in and no more: "everywhere" takes a living one,
     * or an old token out of a log could sign its owner out of every device. Returns whose it is, for the log.
     */
    byRefreshToken: async (text: string, { everywhere, admits }: ByRefreshToken): Promise<AboutSignIn> => {
      const { token, client, about } = await readFirstPartyToken(text, admits)
      if (everywhere) {
        const family = await refreshFamilies.findCurrent(token)
        if (family === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'refresh_not_current', about })
        await endEverywhere(family.user_id)
        return about
      }
      const { family_id: id, salt } = token
      await refreshFamilies.end({ id, salt, client_id: client.client_id, reason: 'signed_out' })
      return about
    },
  }
}

export type SignOut = ReturnType<typeof createSignOut>
