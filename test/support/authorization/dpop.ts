import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

type Shown = Readonly<{
  method?: string
  url: string
  token?: string
  nonce?: string
  /** Seconds after now. */
  after?: number
  now?: Date
  header?: Readonly<Record<string, unknown>>
  claims?: Readonly<Record<string, unknown>>
}>

/** A client's key, and its proofs (RFC 9449 §4.2). `header` and `claims` replace members of an honest proof. */
export const createDpopKey = async (alg = 'ES256') => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk: JWK = await exportJWK(publicKey)
  const private_jwk: JWK = await exportJWK(privateKey)
  const proof = ({
    method = 'POST',
    url,
    token,
    nonce,
    after = 0,
    now = new Date(),
    header,
    claims,
  }: Shown) =>
    new SignJWT({
      jti: randomUUID(),
      htm: method,
      htu: url,
      iat: Math.floor(now.getTime() / 1000) + after,
      ...(token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') }),
      ...(nonce === undefined ? {} : { nonce }),
      ...claims,
    })
      .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk, ...header })
      .sign(privateKey)
  return { jwk, private_jwk, jkt: await calculateJwkThumbprint(jwk), proof }
}

export type DpopKey = Awaited<ReturnType<typeof createDpopKey>>
