import { GRANT_TYPES } from '../oauth/client.ts'
import {
  BY_REGISTRATION,
  type ConvertClient,
  keepScope,
  keepSecret,
  keepShown,
  keepUris,
  membersOf,
  NO_REMEDY,
  notesOf,
  PKCE_NOT_REQUIRED,
  PKCE_OF_PUBLIC,
  PKCE_OF_PUBLIC_REMEDY,
  PKCE_REMEDY,
  textsOf,
} from './source-client.ts'
import { flagOf, isRecord, listOf, memberTextOf, recordOf, type SourceRecord } from './source-record.ts'

const CODE = 'authorization_code'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** Ory Hydra, OAuth2Client of `hydra list oauth2-clients` – A client. Hydra exports no secrets. */
export const convertHydraClient: ConvertClient = record => {
  const client_id = memberTextOf(record['client_id'])
  if (client_id === null) return null
  const access = accessOf(record)
  const { usesCode, method } = access
  const redirects = keepUris('redirect_uris', usesCode ? textsOf(record['redirect_uris']) : [])
  const logouts = keepUris('post_logout_redirect_uris', textsOf(record['post_logout_redirect_uris']))
  const shown = keepShown({
    client_name: ['client_name', record['client_name']],
    client_uri: ['client_uri', record['client_uri']],
    logo_uri: ['logo_uri', record['logo_uri']],
    policy_uri: ['policy_uri', record['policy_uri']],
    tos_uri: ['tos_uri', record['tos_uri']],
  })
  const scope = keepScope('scope', (memberTextOf(record['scope']) ?? '').split(' '))
  const secret =
    method === 'client_secret_basic' || method === 'client_secret_post'
      ? keepSecret('client_secret', record['client_secret'])
      : { kept: null, notes: [] }
  const backchannel_logout_uri = memberTextOf(record['backchannel_logout_uri'])
  const isSessionRequired = flagOf(record['backchannel_logout_session_required']) === true
  return {
    client_id,
    members: membersOf({
      ...shown.kept,
      contacts: textsOf(record['contacts']),
      token_endpoint_auth_method: method,
      jwks: access.jwks,
      grant_types: access.grant_types,
      redirect_uris: redirects.kept,
      post_logout_redirect_uris: logouts.kept,
      scope: scope.kept,
      audience: textsOf(record['audience']),
      ...(usesCode && method !== 'none' ? { require_pkce: false } : {}),
      backchannel_logout_uri,
      ...(backchannel_logout_uri !== null && isSessionRequired
        ? { backchannel_logout_session_required: true }
        : {}),
    }),
    secret: secret.kept,
    notes: [
      ...redirects.notes,
      ...logouts.notes,
      ...shown.notes,
      ...scope.notes,
      ...secret.notes,
      ...notesOfAccess(record, access),
      ...notesOfRest(record, access),
    ],
  }
}

/** Hydra: without `grant_types` a client has the code grant. */
const accessOf = (record: SourceRecord) => {
  const listed = textsOf(record['grant_types'])
  const given = listed.length === 0 ? [CODE] : listed
  const known = new Set<string>(GRANT_TYPES.filter(grant => grant !== EXCHANGE))
  const grant_types = given.filter(grant => known.has(grant))
  const jwks = recordOf(record['jwks'])
  return {
    grant_types,
    lost: given.filter(grant => !known.has(grant)),
    usesCode: grant_types.includes(CODE),
    method: memberTextOf(record['token_endpoint_auth_method']) ?? 'client_secret_basic',
    jwks: listOf(jwks['keys']).length > 0 ? { keys: jwks['keys'] } : null,
  }
}

type Access = ReturnType<typeof accessOf>

const notesOfAccess = (record: SourceRecord, { lost, usesCode, method, jwks, grant_types }: Access) => {
  const types = textsOf(record['response_types']).filter(type => type !== 'code')
  const refreshes = grant_types.includes('refresh_token')
  const words = (memberTextOf(record['scope']) ?? '').split(' ')
  return notesOf([
    [
      lost.length > 0,
      'grant_types',
      `${lost.join(', ')}: not offered`,
      'let people sign in by the code flow with PKCE',
    ],
    [
      types.length > 0,
      'response_types',
      `${types.join(', ')}: only code is offered`,
      'let the application use the code flow',
    ],
    [usesCode && method !== 'none', 'require_pkce', PKCE_NOT_REQUIRED, PKCE_REMEDY],
    [usesCode && method === 'none', 'require_pkce', PKCE_OF_PUBLIC, PKCE_OF_PUBLIC_REMEDY],
    [
      jwks === null && memberTextOf(record['jwks_uri']) !== null,
      'jwks_uri',
      'keys of a registered client are not fetched',
      'register the client by hand, with its public keys in jwks',
    ],
    [
      refreshes && words.includes('openid') && !words.includes('offline_access'),
      'scope',
      'with openid a refresh token needs the scope offline_access',
      'add offline_access to the scope and to the requests of the application, if it refreshes',
    ],
  ])
}

const LIFETIME = /_lifespan$/

const notesOfRest = (record: SourceRecord, { usesCode }: Access) => {
  const lifetimes = Object.keys(record).filter(
    name => LIFETIME.test(name) && memberTextOf(record[name]) !== null,
  )
  const origins = textsOf(record['allowed_cors_origins'])
  const metadata = record['metadata']
  return notesOf([
    [
      usesCode && flagOf(record['skip_consent']) === true,
      'skip_consent',
      'people are asked for consent at the first sign-in',
      NO_REMEDY,
    ],
    [
      record['subject_type'] === 'pairwise',
      'subject_type',
      'the sub is the same for every client',
      'match people by another claim',
    ],
    [
      isRecord(metadata) && Object.keys(metadata).length > 0,
      'metadata',
      BY_REGISTRATION,
      'keep it in the application',
    ],
    [
      origins.length > 0,
      'allowed_cors_origins',
      `${origins.join(', ')}: browsers are let in from the origins of the redirect URIs`,
      NO_REMEDY,
    ],
    [
      memberTextOf(record['frontchannel_logout_uri']) !== null,
      'frontchannel_logout_uri',
      'logout by the browser is not offered',
      'register a backchannel_logout_uri',
    ],
    [
      textsOf(record['request_uris']).length > 0,
      'request_uris',
      'request objects are not fetched',
      'push the request (PAR)',
    ],
    [
      lifetimes.length > 0,
      'lifespans',
      `${lifetimes.join(', ')}: lifetimes are those of the server`,
      NO_REMEDY,
    ],
    [memberTextOf(record['owner']) !== null, 'owner', BY_REGISTRATION, 'add the address to contacts'],
    [
      record['access_token_strategy'] === 'opaque',
      'access_token_strategy',
      'access tokens are JWTs',
      'see that the API verifies them, or introspects them',
    ],
  ])
}
