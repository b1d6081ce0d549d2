import type { PagesOptions, Tokens, User } from './auth.ts'
import { AuthError, asAuthError } from './auth-error.ts'
import { readClaims, sha256 } from './encoding.ts'
import { asText, isObject, type JsonObject, parametersOf, sendPost } from './request.ts'
import type { PageStore } from './store.ts'

/** Kept for all tabs: the refresh token, and the ID token for the sign-out. */
type Kept = Readonly<{ refresh_token: string; id_token: string }>

/**
 * RFC 6749 §6 – The tokens that follow. The Idempotency-Key is a digest of the refresh token: tabs that present one token at once, and a
 * retry after a lost answer, are the same attempt to the server, and are answered alike.
 */
export const renewKept = async (options: PagesOptions, store: PageStore): Promise<Tokens | null> => {
  const kept = readKept(store)
  if (kept === null) return null
  const { issuer, client_id, resource } = options
  const { refresh_token } = kept
  const form = { grant_type: 'refresh_token', refresh_token, client_id, resource }
  const idempotency_key = await sha256(refresh_token)
  /** False where a tab has renewed, signed in or signed out meanwhile. */
  const isLatest = () => readKept(store)?.refresh_token === refresh_token
  if (!isLatest()) return renewKept(options, store)
  try {
    const answer = await sendPost({ url: `${issuer}/token`, body: parametersOf(form), idempotency_key })
    const { tokens } = readTokens(options, answer, kept)
    if (isLatest()) keep(store, answer, kept)
    // A page that was in the back-forward cache meanwhile was not told of a sign-out.
    return readKept(store) && tokens
  } catch (error) {
    const refused = asAuthError(error)
    if (refused.reason !== 'invalid_grant') throw refused
    // Another tab has renewed or signed out, and this one has presented the token from before.
    if (!isLatest()) return renewKept(options, store)
    store.write(null)
    throw new AuthError('signed_out', 'The sign-in has ended.', { reason: 'invalid_grant', cause: refused })
  }
}

export const readKept = (store: PageStore): Kept | null => {
  const { refresh_token, id_token } = store.read() ?? {}
  return typeof refresh_token === 'string' && typeof id_token === 'string'
    ? { refresh_token, id_token }
    : null
}

export const keep = (store: PageStore, answer: JsonObject, before: Kept | null) => {
  const refresh_token = asText(answer['refresh_token'])
  const id_token = asText(answer['id_token']) ?? before?.id_token
  if (refresh_token !== undefined) store.write({ refresh_token, id_token })
}

/** OpenID Connect Core §3.1.3.7, §12.2 – `exp` and `iat` are not compared with the clock of the machine, which may be wrong. */
export const readTokens = ({ issuer, client_id }: PagesOptions, answer: JsonObject, before: Kept | null) => {
  const { access_token, expires_in, id_token } = answer
  const jwt = asText(id_token) ?? before?.id_token
  if (typeof access_token !== 'string' || typeof expires_in !== 'number' || jwt === undefined)
    throw new AuthError('server', 'The answer of the server has no tokens.')
  const claims = readClaims(jwt)
  const user =
    isObject(claims) && claims['iss'] === issuer && claims['aud'] === client_id ? userOf(claims) : null
  if (user === null) throw new AuthError('server', 'The ID token is of another server or client.')
  return { tokens: { access_token, expires_in, user }, nonce: isObject(claims) ? claims['nonce'] : undefined }
}

/** Claims that say how the token was made, and not who the person is. */
const OF_THE_TOKEN = new Set([
  'iss',
  'aud',
  'exp',
  'iat',
  'nonce',
  'at_hash',
  'auth_time',
  'sid',
  'azp',
  'jti',
])

const userOf = (claims: JsonObject): User | null => {
  const { sub } = claims
  if (typeof sub !== 'string') return null
  return { ...Object.fromEntries(Object.entries(claims).filter(([claim]) => !OF_THE_TOKEN.has(claim))), sub }
}
