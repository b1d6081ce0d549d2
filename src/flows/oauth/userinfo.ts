import { claimsOf } from '../../domain/authorization/id-token.ts'
import type { PresentedToken } from '../../domain/oauth/access-token.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { extraClaimsOf, withExtraClaims } from '../../domain/sign-in/extra-claims.ts'
import type { OwnTokens } from '../../grants/verification/own-tokens.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { JudgeSender, Presenting } from '../access/require-sender.ts'

type Needs = Readonly<{
  ownTokens: OwnTokens
  accounts: Pick<Accounts, 'findPerson'>
  judgeSender: JudgeSender
}>

type UserinfoRequest = Omit<Presenting, 'claims'>

export type Userinfo = (request: UserinfoRequest) => Promise<
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
  ({ ownTokens, accounts, judgeSender }: Needs): Userinfo =>
  async request => {
    const own = await ownTokens.read(request.presented.token)
    if (own === null) throw notLiving(request.presented)
    const { sub, sid, client_id } = own.claims
    const refused = await judgeSender({ ...request, claims: own.claims })
    if (refused !== null)
      throw new OAuthError(refused.refusal, {
        client_id,
        ...('fault' in refused ? { cause: refused.fault } : {}),
      })
    if ((await ownTokens.livingAt(own.claims)) === null) throw notLiving(request.presented)
    const { scope } = own.remaining
    if (!scope.split(' ').includes('openid')) throw new OAuthError('token_without_openid', { client_id })
    if (sid === undefined) throw new OAuthError('token_of_a_client', { client_id })
    const person = await accounts.findPerson(sub)
    if (person === null) throw new OAuthError('token_of_no_account', { client_id, sid })
    return { client_id, claims: withExtraClaims(claimsOf(person, scope), extraClaimsOf(own.claims)) }
  }

const notLiving = ({ scheme }: PresentedToken): OAuthError =>
  new OAuthError(scheme === 'dpop' ? 'bound_token_not_living' : 'token_not_living')
