import { type AboutSignIn, aboutFamily } from '../../domain/base/log-fields.ts'
import type { Peppers } from '../../domain/base/pepper.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { type PresentedRefreshToken, parseRefreshToken } from '../../domain/sign-in/refresh-token.ts'
import type { Clients } from '../../ports/clients.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'

type Needs = Readonly<{ clients: Clients; refreshFamilies: RefreshFamilies; peppers: Peppers }>

type FirstPartyToken = Readonly<{ token: PresentedRefreshToken; client: Client; about: AboutSignIn }>

/**
 * Ours – Reads the refresh token of a request to the account API and finds its client. Whether the token is still current is not judged
 * here. `admits` is false where the browser's origin may not act for that client. Throws a 401 for a token that is not a first-party
 * client's, and a 403 for a client that is not admitted.
 */
export type ReadFirstPartyToken = (
  text: string,
  admits: (client: Client) => boolean,
) => Promise<FirstPartyToken>

export const createReadFirstPartyToken =
  ({ clients, refreshFamilies, peppers }: Needs): ReadFirstPartyToken =>
  async (text, admits) => {
    const token = parseRefreshToken(text, peppers)
    if (token === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'refresh_malformed' })
    const owner = await refreshFamilies.findOwner(token)
    const client = owner === null ? null : await clients.find(owner.client_id)
    const about = owner === null ? { sid: token.family_id } : aboutFamily({ id: token.family_id, ...owner })
    if (!client?.first_party)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'refresh_not_first_party', about })
    if (!admits(client))
      throw new Problem('ORIGIN_NOT_ALLOWED', { reason: 'origin_of_another_client', about })
    return { token, client, about }
  }
