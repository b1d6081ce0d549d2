import type { Config } from '../config.ts'
import { authorizationServerMetadata } from '../domain/authorization/metadata.ts'
import { ID_JAG } from '../domain/exchange/issuer-assertion.ts'
import { createRequireLength } from '../domain/oauth/access-token-length.ts'
import { SIGNING_ALGORITHMS } from '../domain/oauth/client.ts'
import { EXTRA_CLAIMS_MAX_BYTES } from '../domain/sign-in/extra-claims.ts'
import { createSparingLimit } from '../ephemeral/sparing-limit.ts'
import type { Notices } from '../flows/mail/notices.ts'
import { createAuthorizeDevice } from '../flows/oauth/device-authorization.ts'
import { createIntrospect } from '../flows/oauth/introspect.ts'
import { createPushRequest } from '../flows/oauth/push-request.ts'
import { createReadRequestObject } from '../flows/oauth/read-request-object.ts'
import { createRevoke } from '../flows/oauth/revoke.ts'
import { createUserinfo } from '../flows/oauth/userinfo.ts'
import { createEndByIssuer } from '../flows/revocations/end-by-issuer.ts'
import type { StatusLists } from '../flows/revocations/status-lists.ts'
import { createExchangeSession } from '../flows/sign-in/exchange-session.ts'
import { createAuthenticateClient } from '../grants/client-authentication.ts'
import { createVerifyByClient } from '../grants/client-signature.ts'
import { createProveSender } from '../grants/dpop.ts'
import { createExchange } from '../grants/exchange.ts'
import { createGrants } from '../grants/index.ts'
import { createIssue, type Issue } from '../grants/issue.ts'
import { createRotate } from '../grants/rotate.ts'
import { createRaiseAlert } from '../grants/security-alert.ts'
import { createIssuerKeys } from '../grants/verification/issuer-keys.ts'
import { createOwnTokens } from '../grants/verification/own-tokens.ts'
import { createVerifyByIssuer } from '../grants/verification/verify-by-issuer.ts'
import { onBehalfOf } from '../platform/origin-context.ts'
import type { EnsureStore } from '../ports/effects.ts'
import type { Base } from './base.ts'

type Parts = Base &
  Readonly<{
    ensureStore: EnsureStore
    notices: Notices
    statusLists: StatusLists
  }>

/** Composes the flows of the OAuth endpoints, and the metadata that describes them. */
export const composeOAuth = (config: Config, parts: Parts) => {
  const { limits } = parts
  const { issue, isBounded, requireLength } = composeIssue(config, parts)
  const raiseAlert = createRaiseAlert({ ...parts, onReuse: parts.notices.refreshReused })
  const rotate = createRotate({
    ...parts,
    issue,
    isBounded,
    limit: createSparingLimit(limits('refresh', config.RATE_LIMIT_REFRESH), config.RATE_LIMIT_REFRESH),
    raiseAlert,
  })
  const verifyByClient = createVerifyByClient()
  const readRequestObject = createReadRequestObject({ ...parts, verifyByClient })
  const authenticateClient = createAuthenticateClient({
    ...parts,
    verifyByClient,
    failures: limits('token-failures', config.RATE_LIMIT_TOKEN_FAILURES),
  })
  const ownTokens = createOwnTokens(parts)
  const proveSender = createProveSender(parts.judgeProof)
  const verifyByIssuer = composeIssuers(parts)
  const grants = createGrants({
    ...parts,
    ownTokens,
    verifyByIssuer,
    issue,
    isBounded,
    raiseAlert,
    rotate,
    onBehalfOf,
    exchangeSession: composeSessionExchange(config, { ...parts, issue }),
  })
  return {
    raiseAlert,
    issue,
    rotate,
    proveSender,
    grants,
    readRequestObject,
    exchange: createExchange({ ...parts, authenticateClient, proveSender, grants }),
    endByIssuer: createEndByIssuer({ ...parts, verifyByIssuer }),
    revoke: createRevoke({
      ...parts,
      authenticateClient,
      limit: limits('revoke', config.RATE_LIMIT_REVOKE),
    }),
    ...composeRequests(config, {
      ...parts,
      proveSender,
      authenticateClient,
      readRequestObject,
      requireLength,
    }),
    introspect: createIntrospect({ ...parts, authenticateClient, ownTokens }),
    userinfo: createUserinfo({ ...parts, ownTokens }),
    metadata: metadataOf(config, grants),
  }
}

/** With a hook, the tokens of people have room for what it may add. */
const composeIssue = (config: Config, parts: Parts) => {
  const hasExtraClaims = config.CLAIMS_HOOK_URL !== null
  const extra_claims_bytes = hasExtraClaims ? EXTRA_CLAIMS_MAX_BYTES : 0
  const { isBounded, requireLength } = createRequireLength(parts.policy, extra_claims_bytes)
  const issue = createIssue({
    ...parts,
    requireLength,
    hasExtraClaims,
    ttl_seconds: config.ACCESS_TOKEN_TTL_SECONDS,
    reserveStatus: parts.statusLists.reserve,
  })
  return { issue, isBounded, requireLength }
}

const metadataOf = (config: Config, grants: ReturnType<typeof createGrants>) =>
  authorizationServerMetadata({
    issuer: config.ISSUER,
    isPushRequired: config.REQUIRE_PUSHED_AUTHORIZATION_REQUESTS === 'on',
    isRegistrationOpen: config.REGISTRATION !== 'off',
    areDocumentsTaken: config.CLIENT_ID_DOCUMENTS === 'on',
    grant_types: grants.map(grant => grant.grant_type),
    grant_profiles: config.ASSERTION_ISSUERS_FILE === null ? [] : [ID_JAG.profile],
    signing_algorithms: SIGNING_ALGORITHMS,
  })

type Requesting = Parts &
  Readonly<{
    proveSender: ReturnType<typeof createProveSender>
    authenticateClient: ReturnType<typeof createAuthenticateClient>
    readRequestObject: ReturnType<typeof createReadRequestObject>
    requireLength: ReturnType<typeof createRequireLength>['requireLength']
  }>

/** Where clients begin, before a person has seen a page. */
const composeRequests = (config: Config, { limits, ...parts }: Requesting) => ({
  pushRequest: createPushRequest({
    ...parts,
    limit: limits('pushed-requests', config.RATE_LIMIT_PUSHED_REQUESTS),
  }),
  authorizeDevice: createAuthorizeDevice({
    ...parts,
    deviceLimit: limits('device-requests', config.RATE_LIMIT_DEVICE_REQUESTS),
  }),
})

/** Null where the operator has no verifier of the sessions of applications. */
const composeSessionExchange = (
  { SESSION_VERIFIER_URL: url, CLAIMS_HOOK_URL }: Config,
  parts: Parts & Readonly<{ issue: Issue }>,
) =>
  url === null
    ? null
    : createExchangeSession({ ...parts, url, askClaims: CLAIMS_HOOK_URL === null ? null : parts.askClaims })

const composeIssuers = (parts: Parts) =>
  createVerifyByIssuer({
    ...parts,
    issuers: parts.assertionIssuers,
    issuerKeys: createIssuerKeys(parts),
  })

export type ComposedOAuth = ReturnType<typeof composeOAuth>
