import { claimsOf } from '../../domain/authorization/id-token.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { OwnTokens } from '../access/own-tokens.ts'

type Needs = Readonly<{ ownTokens: OwnTokens; accounts: Pick<Accounts, 'findPerson'> }>

export type Userinfo = (access_token: string) => Promise<
  Readonly<{
    client_id: string
    claims: Readonly<Record<string, unknown>>
  }>
>

/**
 * OpenID Connect Core §5.3 – What an application may know of a person: the claims of the scopes that its token still has. Ours: for a
 * living token of any audience, because an application's tokens are for the services that it calls, and reading is all that this
 * endpoint does. Throws OAuthError.
 */
export const createUserinfo =
  ({ ownTokens, accounts }: Needs): Userinfo =>
  async access_token => {
    const own = await ownTokens.read(access_token)
    if (own === null || !(await ownTokens.isLiving(own.claims))) throw new OAuthError('token_not_living')
    const { sub, sid, client_id } = own.claims
    const { scope } = own.remaining
    if (!scope.split(' ').includes('openid')) throw new OAuthError('token_without_openid', { client_id })
    if (sid === undefined) throw new OAuthError('token_of_a_client', { client_id })
    const person = await accounts.findPerson(sub)
    if (person === null) throw new OAuthError('token_of_no_account', { client_id, sid })
    return { client_id, claims: claimsOf(person, scope) }
  }
