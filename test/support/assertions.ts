import { randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { ISSUER } from './deployment.ts'

export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

export type ClientKey = Readonly<{
  alg: string
  kid: string
  privateKey: CryptoKey
  jwk: Readonly<Record<string, unknown>>
}>

/** A key pair of a client, with its public half as a JWK. */
export const createClientKey = async (alg: string, kid: string = randomUUID()): Promise<ClientKey> => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } }
}

export const seconds = () => Math.floor(Date.now() / 1000)

/** RFC 7523 §3 – Valid claims, with the changes of a test. A change to undefined removes a claim. */
export const assertionClaims = (
  client_id: string,
  changes: Readonly<Record<string, unknown>> = {},
): JWTPayload => ({
  iss: client_id,
  sub: client_id,
  aud: ISSUER,
  jti: randomUUID(),
  iat: seconds(),
  exp: seconds() + 60,
  ...changes,
})

/** Signs an assertion. The header names the key unless the test gives another header. */
export const signAssertion = (
  key: ClientKey,
  claims: JWTPayload,
  header: Readonly<Record<string, unknown>> = { kid: key.kid },
): Promise<string> => new SignJWT(claims).setProtectedHeader({ alg: key.alg, ...header }).sign(key.privateKey)

/** RFC 7523 §2.2 – The form of a request with an assertion. */
export const withAssertion = (client_assertion: string, more: Readonly<Record<string, string>> = {}) => ({
  grant_type: 'client_credentials',
  client_assertion_type: JWT_BEARER,
  client_assertion,
  ...more,
})
