import type { Peppers } from '../../domain/base/pepper.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { AccessTokenClaims } from '../../domain/oauth/access-token.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { signInEntries } from '../../domain/revocations/revocation.ts'
import { parseRefreshToken } from '../../domain/sign-in/refresh-token.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Blocklist } from '../../ports/revocations.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'

type Needs = Readonly<{
  accounts: Accounts
  clients: Clients
  refreshFamilies: RefreshFamilies
  blocklist: Blocklist
  peppers: Peppers
  access_token_seconds: number
}>

type ByRefreshToken = Readonly<{
  everywhere: boolean
  /** False where the browser's origin may not act for this client. */
  admits: (client: Client) => boolean
}>

/** Ours (docs/decisions/0029) – Ends this sign-in, or all of the person's. By then its access tokens are on the blocklist, for as long as they would have lived. */
export const createSignOut = (needs: Needs) => {
  const { accounts, clients, refreshFamilies, blocklist, peppers, access_token_seconds } = needs

  const block = (families: readonly string[], jti?: string) => {
    const entries = signInEntries(families)
    return blocklist.add(
      jti === undefined ? entries : [...entries, { kind: 'jti', value: jti }],
      access_token_seconds,
    )
  }
  /** No limit: it ends the sign-in that asks as well, which can ask no more. */
  const endEverywhere = async (account_id: string) => {
    await block(await accounts.endEverySignIn(account_id, 'signed_out_everywhere'))
  }
  const endFamily = async (id: string, { jti }: Partial<AccessTokenClaims> = {}) => {
    await refreshFamilies.revoke({ id, salt: null, client_id: null, reason: 'signed_out' })
    await block([id], jti)
  }

  return {
    byBearer: async ({ claims, account }: Bearer, { everywhere }: { everywhere: boolean }): Promise<void> => {
      if (everywhere) return endEverywhere(account.id)
      if (claims.sid !== undefined) await endFamily(claims.sid, claims)
    },

    /**
     * By a refresh token of a first-party client. A spent one ends its own sign-in and no more: "everywhere" takes a living one,
     * or an old token out of a log could sign somebody out of every device.
     */
    byRefreshToken: async (text: string, { everywhere, admits }: ByRefreshToken): Promise<void> => {
      const token = parseRefreshToken(text, peppers)
      if (token === null) throw new Problem('AUTH_TOKEN_INVALID', 'refresh_malformed')
      const owner = await refreshFamilies.findOwner(token.family_id)
      const client = owner === null ? null : await clients.find(owner.client_id)
      if (!client?.first_party) throw new Problem('AUTH_TOKEN_INVALID', 'refresh_not_first_party')
      if (!admits(client)) throw new Problem('ORIGIN_NOT_ALLOWED', 'origin_of_another_client')
      if (everywhere) {
        const family = await refreshFamilies.findCurrent(token)
        if (family === null) throw new Problem('AUTH_TOKEN_INVALID', 'refresh_not_current')
        return endEverywhere(family.user_id)
      }
      const { family_id: id, salt } = token
      // What Postgres did not end, Redis must not: a valid MAC with a foreign salt names somebody else's sign-in.
      if (await refreshFamilies.revoke({ id, salt, client_id: client.client_id, reason: 'signed_out' })) {
        await block([id])
      }
    },
  }
}

export type SignOut = ReturnType<typeof createSignOut>
