import {
  BY_REGISTRATION,
  NO_REMEDY,
  notesOf,
  PKCE_NOT_REQUIRED,
  PKCE_OF_PUBLIC,
  PKCE_OF_PUBLIC_REMEDY,
  PKCE_REMEDY,
  textsOf,
} from './source-client.ts'
import { flagOf, listOf, memberTextOf, parsedRecordOf, recordOf, type SourceRecord } from './source-record.ts'

export type KeycloakAccess = ReturnType<typeof keycloakAccessOf>

/** How the client authenticates, and its grants. */
export const keycloakAccessOf = (record: SourceRecord, attributes: SourceRecord) => {
  const isPublic = flagOf(record['publicClient']) === true
  const isBearerOnly = flagOf(record['bearerOnly']) === true
  const usesKey = !isPublic && record['clientAuthenticatorType'] === 'client-jwt'
  const usesCode = !isBearerOnly && flagOf(record['standardFlowEnabled']) !== false
  const usesDevice = !isBearerOnly && flagOf(attributes['oauth2.device.authorization.grant.enabled']) === true
  const isService = !isPublic && !isBearerOnly && flagOf(record['serviceAccountsEnabled']) === true
  const refreshes = (usesCode || usesDevice) && flagOf(attributes['use.refresh.tokens']) !== false
  const grant_types = [
    ...(usesCode ? ['authorization_code'] : []),
    ...(isService ? ['client_credentials'] : []),
    ...(refreshes ? ['refresh_token'] : []),
    ...(usesDevice ? ['urn:ietf:params:oauth:grant-type:device_code'] : []),
  ]
  const token_endpoint_auth_method = isPublic ? 'none' : usesKey ? 'private_key_jwt' : 'client_secret_basic'
  const jwks = usesKey ? parsedRecordOf(attributes['jwks.string']) : {}
  return {
    isPublic,
    usesCode,
    usesSecret: !isPublic && !usesKey,
    signsPeopleIn: usesCode || usesDevice,
    refreshes,
    members: {
      token_endpoint_auth_method,
      grant_types,
      ...(listOf(jwks['keys']).length > 0 ? { jwks: { keys: jwks['keys'] } } : {}),
    },
  }
}

export const hasS256 = (attributes: SourceRecord) => attributes['pkce.code.challenge.method'] === 'S256'

export const notesOfFlows = (record: SourceRecord, attributes: SourceRecord) =>
  notesOf([
    [
      flagOf(record['implicitFlowEnabled']) === true,
      'implicitFlowEnabled',
      'the implicit flow is not offered',
      'let the application use the code flow with PKCE',
    ],
    [
      flagOf(record['directAccessGrantsEnabled']) === true,
      'directAccessGrantsEnabled',
      'the password grant is not offered',
      'let people sign in by the code flow, and services by client_credentials',
    ],
    [
      flagOf(attributes['oidc.ciba.grant.enabled']) === true,
      'attributes.oidc.ciba.grant.enabled',
      'CIBA is not offered',
      'let people sign in by the device flow',
    ],
    [
      flagOf(attributes['standard.token.exchange.enabled']) === true,
      'attributes.standard.token.exchange.enabled',
      'an exchange is registered for each audience',
      'add token_exchange and protected_resources (docs/token-exchange.md)',
    ],
    [
      flagOf(record['authorizationServicesEnabled']) === true,
      'authorizationSettings',
      'Signet keeps no policies of applications',
      'keep them in the application',
    ],
    [
      flagOf(record['bearerOnly']) === true,
      'bearerOnly',
      'an API that introspects tokens must say which ones',
      'add protected_resources, if it introspects',
    ],
  ])

export const notesOfAuthentication = (
  record: SourceRecord,
  attributes: SourceRecord,
  access: KeycloakAccess,
) => {
  const type = memberTextOf(record['clientAuthenticatorType']) ?? 'client-secret'
  const { isPublic, usesCode, usesSecret } = access
  const usesUrl = flagOf(attributes['use.jwks.url']) === true && memberTextOf(attributes['jwks.url']) !== null
  return notesOf([
    [
      usesSecret && type === 'client-secret',
      'clientAuthenticatorType',
      'Keycloak takes the secret in the header and in the body, Signet by one of them',
      'set token_endpoint_auth_method to client_secret_post if the client sends it in the body',
    ],
    [
      usesSecret && type !== 'client-secret',
      'clientAuthenticatorType',
      `${type} is not offered: the client is registered with client_secret_basic`,
      'let the client send its secret, or register it with private_key_jwt',
    ],
    [
      !isPublic && type === 'client-jwt' && !('jwks' in access.members),
      usesUrl ? 'attributes.jwks.url' : 'attributes.jwks.string',
      usesUrl
        ? 'keys of a registered client are not fetched'
        : 'the export has no keys of the client as JWKS',
      'register the client by hand, with its public keys in jwks',
    ],
    [
      usesCode && !isPublic && !hasS256(attributes),
      'attributes.pkce.code.challenge.method',
      PKCE_NOT_REQUIRED,
      PKCE_REMEDY,
    ],
    [
      usesCode && isPublic && !hasS256(attributes),
      'attributes.pkce.code.challenge.method',
      PKCE_OF_PUBLIC,
      PKCE_OF_PUBLIC_REMEDY,
    ],
  ])
}

const LIFETIMES = /^(?:access\.token\.lifespan|client\.(?:session|offline\.session)\..+)$/

export const notesOfKeycloakRest = (
  record: SourceRecord,
  attributes: SourceRecord,
  redirect_uris: readonly string[],
) => {
  const origins = new Set(redirect_uris.map(uri => new URL(uri).origin))
  const foreign = textsOf(record['webOrigins']).filter(origin => origin !== '+' && !origins.has(origin))
  const mappers = listOf(record['protocolMappers']).map(
    mapper => memberTextOf(recordOf(mapper)['name']) ?? '?',
  )
  const lifetimes = Object.keys(attributes).filter(
    name => LIFETIMES.test(name) && memberTextOf(attributes[name]) !== null,
  )
  const objects = memberTextOf(attributes['request.object.required']) ?? 'not required'
  return notesOf([
    [
      foreign.length > 0,
      'webOrigins',
      `${foreign.join(', ')}: browsers are let in from the origins of the redirect URIs`,
      'register a redirect URI of the origin, if its pages ask Signet',
    ],
    [
      mappers.length > 0,
      'protocolMappers',
      `${mappers.join(', ')}: tokens have the claims of Signet`,
      'list the audiences of its tokens in audience; other claims come from userinfo or from the application',
    ],
    [
      lifetimes.length > 0,
      'attributes',
      `${lifetimes.join(', ')}: lifetimes are those of the server`,
      NO_REMEDY,
    ],
    [
      memberTextOf(attributes['frontchannel.logout.url']) !== null,
      'attributes.frontchannel.logout.url',
      'logout by the browser is not offered',
      'register a backchannel_logout_uri',
    ],
    [
      flagOf(attributes['tls.client.certificate.bound.access.tokens']) === true,
      'attributes.tls.client.certificate.bound.access.tokens',
      'tokens are not bound to certificates',
      'set dpop_bound_access_tokens',
    ],
    [
      objects !== 'not required',
      'attributes.request.object.required',
      BY_REGISTRATION,
      'set require_signed_request_object with the keys of the client in jwks',
    ],
  ])
}
