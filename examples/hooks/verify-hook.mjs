// @ts-check
import { base64url, compactVerify } from 'jose'

/**
 * The body of a hook or a webhook, once its signature has been verified. Throws when the signature is not Signet's, is for another URL, or
 * is more than a minute old. `body` is the text as it came, before a framework has parsed it.
 * @param {string} signature the header `Signet-Signature`
 * @param {string} body
 * @param {{ keys: import('jose').JWTVerifyGetKey, url: string }} expected the JWKS of Signet, and the URL that Signet is configured with
 */
export const verifyHook = async (signature, body, { keys, url }) => {
  const jws = signature.replace('..', `.${base64url.encode(body)}.`)
  const { protectedHeader } = await compactVerify(jws, keys, { algorithms: ['RS256'] })
  const { typ, aud, iat } = protectedHeader
  const isFresh = Math.abs(Date.now() / 1000 - Number(iat)) < 60
  if (typ !== 'signet-hook+jwt' || aud !== url || !isFresh)
    throw new Error('the signature is for another hook')
  return JSON.parse(body)
}
