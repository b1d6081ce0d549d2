import { randomBytes } from 'node:crypto'
import {
  authorizationCodeOf,
  type NewAuthorizationCode,
  parseAuthorizationCode,
} from '../../../src/domain/authorization/authorization-code.ts'
import { challengeOf } from '../../../src/domain/oauth/pkce.ts'
import { API, OTHER_API } from '../clients.ts'
import type { Deployment } from '../deployment.ts'
import { ageCode, authorizationStores, newCode, seedSession } from './codes.ts'

/** A public client that signs people in with the authorization code grant. */
export const WEB = {
  client_id: 'web',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://web.example/callback'],
  scope: 'openid profile email offline_access read write',
  audience: [API, OTHER_API],
}

export const VERIFIER = 'verifier-of-a-test-0123456789-0123456789-01'

type Bindings = Partial<Omit<NewAuthorizationCode, 'user_id' | 'digest' | 'session_id' | 'consent_version'>> &
  Readonly<{ hasConsent?: boolean }>

/** A code as /authorize would issue it, the form that redeems it, and what may happen in between. */
export const issueCode = async (
  { database }: Pick<Deployment, 'database'>,
  { hasConsent = false, ...more }: Bindings = {},
) => {
  const stores = authorizationStores(database)
  const person = await seedSession(database)
  const { user_id } = person
  const client_id = more.client_id ?? WEB.client_id
  const consent = hasConsent
    ? await stores.consents.grant({ credential_epoch: 0, user_id, client_id, granted: ['openid'] })
    : null
  const [redirect_uri = ''] = WEB.redirect_uris
  const text = authorizationCodeOf({ user_id, random: randomBytes(32) })
  const presented = parseAuthorizationCode(text)
  if (presented === null) throw new Error('a new code cannot be read')
  const bindings = {
    client_id,
    redirect_uri,
    code_challenge: challengeOf(VERIFIER),
    scope: 'openid email read',
    consent_version: consent?.version ?? null,
    ...more,
  }
  if (!(await stores.codes.issue({ ...newCode(person, bindings), ...presented })))
    throw new Error('the code was not issued')
  return {
    ...person,
    form: { grant_type: 'authorization_code', code: text, client_id, redirect_uri, code_verifier: VERIFIER },
    run: database.sql,
    age: (seconds: number) => ageCode(database, presented, seconds),
    signOut: () => stores.sessions.end(person.presented),
    withdraw: () => stores.consents.withdraw({ user_id, client_id, reason: 'consent_withdrawn' }),
  }
}
