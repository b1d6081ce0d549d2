import { randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { ISSUER } from '../deployment.ts'

type Members = Readonly<Record<string, unknown>>

/** An identity provider: its keys, and what it signs. `claims` and `header` replace members of an honest JWT. */
export const createIdentityProvider = async (issuer: string, { alg = 'ES256', kid = 'one' } = {}) => {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  const sign = (typ: string, claims: Members, header: Members) => {
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({ iss: issuer, jti: randomUUID(), iat: now, exp: now + 300, ...claims })
      .setProtectedHeader({ alg, kid, typ, ...header })
      .sign(privateKey)
  }
  return {
    issuer,
    jwk,
    jwks: { keys: [jwk] },
    assertion: (claims: Members = {}, header: Members = {}) =>
      sign('oauth-id-jag+jwt', { sub: 'ada', aud: ISSUER, client_id: 'agent', ...claims }, header),
    /** As Okta sends it. */
    revocation: (claims: Members = {}, header: Members = {}) =>
      sign(
        'global-token-revocation+jwt',
        { sub: 'signet', aud: `${ISSUER}/global-token-revocation`, ...claims },
        header,
      ),
  }
}

/** Writes an ASSERTION_ISSUERS_FILE and returns its path. */
export const writeIssuers = (issuers: readonly Members[]): string => {
  const file = join(mkdtempSync(join(tmpdir(), 'signet-issuers-')), 'issuers.json')
  writeFileSync(file, JSON.stringify(issuers))
  return file
}
