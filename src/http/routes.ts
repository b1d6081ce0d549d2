import type { AuthenticateAdmin } from '../flows/access/authenticate-admin.ts'
import type { AuthorizeDevice } from '../flows/oauth/device-authorization.ts'
import type { createIntrospect } from '../flows/oauth/introspect.ts'
import type { Push } from '../flows/oauth/push-request.ts'
import type { createRevoke } from '../flows/oauth/revoke.ts'
import type { Userinfo } from '../flows/oauth/userinfo.ts'
import type { EndByIssuer } from '../flows/revocations/end-by-issuer.ts'
import type { EndEverything } from '../flows/revocations/end-everything.ts'
import type { AnswerFeed } from '../flows/revocations/feed.ts'
import type { StatusLists } from '../flows/revocations/status-lists.ts'
import type { Exchange } from '../grants/exchange.ts'
import type { Keys } from '../ports/keys.ts'
import { accountPageRoutes } from './account-pages/index.ts'
import { accountRoutes } from './accounts/index.ts'
import { demoRoutes } from './demo/index.ts'
import { brandRoutes } from './hosted/brand-files.ts'
import { consentRoutes } from './hosted/consent.ts'
import { deviceRoutes } from './hosted/device.ts'
import { forgotPasswordRoutes } from './hosted/forgot-password.ts'
import { linkPages } from './hosted/link-pages.ts'
import { logoRoute } from './hosted/logo.ts'
import { logoutRoutes } from './hosted/logout.ts'
import { signInRoutes } from './hosted/sign-in.ts'
import { signUpRoutes } from './hosted/sign-up.ts'
import { upstreamRoutes } from './hosted/upstream.ts'
import type { Brand } from './layout/brand.ts'
import { authorizeRoutes } from './oauth/authorize.ts'
import { deviceAuthorizationRoute } from './oauth/device-authorization.ts'
import { globalTokenRevocationRoute } from './oauth/global-token-revocation.ts'
import { introspectRoute } from './oauth/introspect.ts'
import { parRoute } from './oauth/par.ts'
import { registerRoutes } from './oauth/register.ts'
import { revokeRoute } from './oauth/revoke.ts'
import { tokenRoute } from './oauth/token.ts'
import { userinfoRoutes } from './oauth/userinfo.ts'
import { docsRoutes } from './public/docs.ts'
import { healthRoutes, type JudgeHealth } from './public/health.ts'
import { homeRoute } from './public/home.ts'
import { jwksRoute } from './public/jwks.ts'
import { metadataRoutes } from './public/metadata.ts'
import { revocationsRoute } from './public/revocations.ts'
import { statusListRoutes } from './public/status-lists.ts'
import { wellKnownRoutes } from './public/well-known.ts'
import { securityPageRoutes } from './security-pages/index.ts'
import { createLargeAnswers } from './server/large-answers.ts'
import type { Route } from './server/route.ts'

type Needs = Readonly<{
  exchange: Exchange
  revoke: ReturnType<typeof createRevoke>
  introspect: ReturnType<typeof createIntrospect>
  pushRequest: Push
  authorizeDevice: AuthorizeDevice
  userinfo: Userinfo
  keys: Keys
  metadata: object
  answerFeed: AnswerFeed
  statusLists: StatusLists
  authenticateAdmin: AuthenticateAdmin
  endEverything: EndEverything
  endByIssuer: EndByIssuer
  judgeHealth: JudgeHealth
  brand: Brand
  showLogos: Parameters<typeof logoRoute>[0]
  /** Null but on the embedded default. */
  demo: Parameters<typeof demoRoutes>[0] | null
}> &
  Parameters<typeof accountRoutes>[0] &
  Parameters<typeof authorizeRoutes>[0] &
  Parameters<typeof signInRoutes>[0] &
  Parameters<typeof signUpRoutes>[0] &
  Parameters<typeof upstreamRoutes>[0] &
  Parameters<typeof consentRoutes>[0] &
  Parameters<typeof deviceRoutes>[0] &
  Parameters<typeof logoutRoutes>[0] &
  Parameters<typeof accountPageRoutes>[0] &
  Parameters<typeof securityPageRoutes>[0] &
  Parameters<typeof forgotPasswordRoutes>[0] &
  Parameters<typeof linkPages>[0] &
  Parameters<typeof wellKnownRoutes>[0] &
  Parameters<typeof registerRoutes>[0]

/** Every public endpoint. A test compares them with openapi.yaml. */
export const createRoutes = (needs: Needs): readonly Route[] => [
  homeRoute(),
  ...metadataRoutes(needs.metadata),
  jwksRoute(needs.keys),
  tokenRoute(needs.exchange, needs.csrf),
  parRoute(needs.pushRequest, needs.csrf),
  deviceAuthorizationRoute(needs.authorizeDevice, needs.csrf),
  ...registerRoutes(needs),
  revokeRoute(needs.revoke, needs.csrf),
  introspectRoute(needs.introspect, needs.csrf),
  ...userinfoRoutes(needs.userinfo),
  revocationsRoute(needs.answerFeed, createLargeAnswers()),
  ...statusListRoutes(needs.statusLists),
  globalTokenRevocationRoute(needs),
  ...accountRoutes(needs),
  ...linkPages(needs),
  ...forgotPasswordRoutes(needs),
  ...authorizeRoutes(needs),
  ...signInRoutes(needs),
  ...signUpRoutes(needs),
  ...upstreamRoutes(needs),
  ...consentRoutes(needs),
  ...deviceRoutes(needs),
  logoRoute(needs.showLogos),
  ...logoutRoutes(needs),
  ...accountPageRoutes(needs),
  ...securityPageRoutes(needs),
  ...brandRoutes(needs.brand),
  ...(needs.demo === null ? [] : demoRoutes(needs.demo)),
  ...healthRoutes(needs.judgeHealth),
  ...docsRoutes(),
  ...wellKnownRoutes(needs),
]
