import type { OnBehalfOf } from '../ports/events.ts'
import { createAuthorizationCodeGrant } from './authorization-code.ts'
import { createClientCredentialsGrant } from './client-credentials.ts'
import { createDeviceCodeGrant } from './device-code.ts'
import type { Grant } from './grant.ts'
import { createJwtBearerGrant } from './jwt-bearer.ts'
import { createRefreshTokenGrant } from './refresh-token.ts'
import { createTokenExchangeGrant } from './token-exchange.ts'

type Needs = Parameters<typeof createAuthorizationCodeGrant>[0] &
  Parameters<typeof createClientCredentialsGrant>[0] &
  Parameters<typeof createDeviceCodeGrant>[0] &
  Parameters<typeof createRefreshTokenGrant>[0] &
  Parameters<typeof createTokenExchangeGrant>[0] &
  Parameters<typeof createJwtBearerGrant>[0] &
  Readonly<{ onBehalfOf: OnBehalfOf }>

/** Every grant. The token endpoint and the metadata follow this list. */
export const createGrants = (needs: Needs): readonly Grant[] =>
  [
    createAuthorizationCodeGrant(needs),
    createClientCredentialsGrant(needs),
    createRefreshTokenGrant(needs),
    createDeviceCodeGrant(needs),
    createTokenExchangeGrant(needs),
    createJwtBearerGrant(needs),
  ].map(grant => onBehalfOfSender(grant, needs))

/** The grant; unless it hands the origin of its request down, it is carried out on behalf of that origin. */
const onBehalfOfSender = (grant: Grant, { onBehalfOf }: Pick<Needs, 'onBehalfOf'>): Grant => {
  if (grant.handsOriginDown) return grant
  return {
    ...grant,
    exchange: request => {
      const { ip, request_id } = request.source
      return onBehalfOf({ actor: null, ip, request_id }, () => grant.exchange(request))
    },
  }
}
