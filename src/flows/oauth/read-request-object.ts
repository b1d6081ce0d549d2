import { QUERY_MAX_CHARACTERS } from '../../domain/authorization/authorization-request.ts'
import { judgeRequestObject, parametersOfObject } from '../../domain/authorization/request-object.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { Form } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { VerifyByClient } from '../../grants/client-signature.ts'
import type { Clock } from '../../ports/effects.ts'

type Needs = Readonly<{ verifyByClient: VerifyByClient; clock: Clock; issuer: string }>

/** `beside`: the parameters of the request that has the object, `request` among them. */
type Presented = Readonly<{ client: Client; beside: Form }>

/** The parameters that a request object holds, as application/x-www-form-urlencoded; null without an object. Throws an OAuthError. */
export type ReadRequestObject = (presented: Presented) => Promise<string | null>

/**
 * RFC 9101 §6 – Reads the parameter `request`: signed by a registered key of the client, which is known by now, so that a stranger's
 * object costs one verification at most for each of the client's keys. Its size is judged before that. An object by reference is never
 * fetched (§10.4.1), and an encrypted or unsigned one is refused.
 */
export const createReadRequestObject =
  ({ verifyByClient, clock, issuer }: Needs): ReadRequestObject =>
  async ({ client, beside }) => {
    const { client_id, request_object_signing_alg } = client
    const object = beside.get('request')
    if (object === undefined) return null
    if (beside.get('request_uri') !== undefined)
      throw new OAuthError('request_and_request_uri', { client_id })
    if (object.length > QUERY_MAX_CHARACTERS) throw new OAuthError('body_too_large', { client_id })
    const now = clock()
    const verified = await verifyByClient(client, object, {
      audience: issuer,
      ...(request_object_signing_alg === undefined ? {} : { algorithms: [request_object_signing_alg] }),
      now,
    })
    if (verified.outcome !== 'verified') {
      const isAboutClaims = verified.outcome === 'claims_wrong'
      throw new OAuthError(isAboutClaims ? 'request_object_claims' : 'request_object_unverified', {
        client_id,
        cause: verified.cause,
      })
    }
    const fault = judgeRequestObject(verified, { client_id, beside, now })
    if (fault !== null) throw new OAuthError(fault, { client_id })
    const parameters = parametersOfObject(verified, beside)
    if (parameters === null) throw new OAuthError('request_object_parameter', { client_id })
    return parameters
  }
