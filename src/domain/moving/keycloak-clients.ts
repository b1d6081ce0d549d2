import {
  hasS256,
  type KeycloakAccess,
  keycloakAccessOf,
  notesOfAuthentication,
  notesOfFlows,
  notesOfKeycloakRest,
} from './keycloak-client-access.ts'
import {
  type ClientNote,
  type ConvertClient,
  type ConvertedClient,
  keepScope,
  keepSecret,
  keepShown,
  keepUris,
  membersOf,
  NO_REMEDY,
  notesOf,
  textsOf,
} from './source-client.ts'
import { flagOf, memberTextOf, recordOf, type SourceRecord } from './source-record.ts'

/** Clients that Keycloak makes in each realm for itself. */
const BUILT_IN = new Set([
  'account',
  'account-console',
  'admin-cli',
  'broker',
  'realm-management',
  'security-admin-console',
])

/** Client scopes of Keycloak that stand for its own claims alone, and that no request asks for. */
const MAPPER_SCOPES = new Set([
  'basic',
  'acr',
  'roles',
  'web-origins',
  'role_list',
  'microprofile-jwt',
  'service_account',
])

/** Keycloak, ClientRepresentation of a realm export – A client of a realm. */
export const convertKeycloakClient: ConvertClient = record => {
  const client_id = memberTextOf(record['clientId'])
  if (client_id === null) return null
  const without = findLeftOut(client_id, record)
  if (without !== null) return { client_id, ...without }
  const attributes = recordOf(record['attributes'])
  const access = keycloakAccessOf(record, attributes)
  const redirects = keepUris('redirectUris', access.usesCode ? absoluteUris(record) : [])
  const logouts = keepUris(POST_LOGOUT, postLogoutUris(attributes, redirects.kept))
  const shown = keepShown({
    client_name: ['name', record['name']],
    logo_uri: ['attributes.logoUri', attributes['logoUri']],
    policy_uri: ['attributes.policyUri', attributes['policyUri']],
    tos_uri: ['attributes.tosUri', attributes['tosUri']],
  })
  const scope = scopeOf(record, access)
  const secret = access.usesSecret ? secretOf(record) : { kept: null, notes: [] }
  return {
    client_id,
    members: membersOf({
      ...shown.kept,
      ...access.members,
      redirect_uris: redirects.kept,
      post_logout_redirect_uris: logouts.kept,
      scope: scope.kept,
      ...protectionOf(attributes, access),
      ...logoutOf(attributes),
    }),
    secret: secret.kept,
    notes: [
      ...redirects.notes,
      ...logouts.notes,
      ...shown.notes,
      ...scope.notes,
      ...secret.notes,
      ...notesOfFlows(record, attributes),
      ...notesOfAuthentication(record, attributes, access),
      ...notesOfKeycloakRest(record, attributes, redirects.kept),
    ],
  }
}

const POST_LOGOUT = 'attributes.post.logout.redirect.uris'

type WithoutClient = Pick<Extract<ConvertedClient, { left_out: ClientNote }>, 'left_out' | 'is_built_in'>

const findLeftOut = (client_id: string, record: SourceRecord): WithoutClient | null => {
  const isRealm = client_id.endsWith('-realm') && flagOf(record['bearerOnly']) === true
  const protocol = memberTextOf(record['protocol']) ?? 'openid-connect'
  const left = (is_built_in: boolean, member: string, reason: string, remedy: string): WithoutClient => ({
    left_out: { member, reason, remedy },
    is_built_in,
  })
  if (BUILT_IN.has(client_id) || isRealm)
    return left(true, 'clientId', 'is a client of Keycloak itself', 'nothing: Signet has its own pages')
  if (protocol !== 'openid-connect')
    return left(false, 'protocol', `${protocol} is not spoken here`, 'move the application to OpenID Connect')
  if (flagOf(record['enabled']) === false)
    return left(
      false,
      'enabled',
      'the client is disabled',
      'enable it before the export if it is still needed',
    )
  return null
}

/** Keycloak resolves an address that begins with a slash by the root URL of the client. */
const absoluteUris = (record: SourceRecord): readonly string[] => {
  const root = (memberTextOf(record['rootUrl']) ?? '').replace(/\/$/, '')
  return textsOf(record['redirectUris']).map(uri => (uri.startsWith('/') ? `${root}${uri}` : uri))
}

/** Keycloak joins the addresses by `##`; `+` stands for the redirect URIs, and `-` for none. */
const postLogoutUris = (attributes: SourceRecord, redirect_uris: readonly string[]): readonly string[] => {
  const given = (memberTextOf(attributes['post.logout.redirect.uris']) ?? '')
    .split('##')
    .map(uri => uri.trim())
  return given.filter(uri => uri !== '' && uri !== '-').flatMap(uri => (uri === '+' ? redirect_uris : [uri]))
}

const scopeOf = (record: SourceRecord, { signsPeopleIn, refreshes }: KeycloakAccess) => {
  const given = [...textsOf(record['defaultClientScopes']), ...textsOf(record['optionalClientScopes'])]
  const words = given.filter(word => !MAPPER_SCOPES.has(word))
  const mappers = given.filter(word => MAPPER_SCOPES.has(word))
  const { kept, notes } = keepScope('defaultClientScopes', [...(signsPeopleIn ? ['openid'] : []), ...words])
  return {
    kept,
    notes: [
      ...notes,
      ...notesOf([
        [
          mappers.length > 0,
          'defaultClientScopes',
          `${mappers.join(', ')}: Keycloak’s own claims`,
          NO_REMEDY,
        ],
        [
          refreshes && !words.includes('offline_access'),
          'attributes.use.refresh.tokens',
          'with openid a refresh token needs the scope offline_access',
          'add offline_access to the scope and to the requests of the application, if it refreshes',
        ],
      ]),
    ],
  }
}

/** A realm that the console exports has asterisks in place of each secret. */
const secretOf = (record: SourceRecord) => {
  const isMasked = /^\*+$/.test(memberTextOf(record['secret']) ?? '')
  if (!isMasked) return keepSecret('secret', record['secret'])
  const remedy = 'export with kc.sh export, or give the client a new secret: --generate-secrets'
  return { kept: null, notes: [{ member: 'secret', reason: 'the export hides the secret', remedy }] }
}

const protectionOf = (attributes: SourceRecord, { isPublic, usesCode }: KeycloakAccess) => ({
  ...(usesCode && !isPublic && !hasS256(attributes) ? { require_pkce: false } : {}),
  ...(usesCode && flagOf(attributes['require.pushed.authorization.requests']) === true
    ? { require_pushed_authorization_requests: true }
    : {}),
  ...(flagOf(attributes['dpop.bound.access.tokens']) === true ? { dpop_bound_access_tokens: true } : {}),
})

const logoutOf = (attributes: SourceRecord) => {
  const backchannel_logout_uri = memberTextOf(attributes['backchannel.logout.url'])
  const isRequired = flagOf(attributes['backchannel.logout.session.required']) === true
  if (backchannel_logout_uri === null) return {}
  return { backchannel_logout_uri, ...(isRequired ? { backchannel_logout_session_required: true } : {}) }
}
