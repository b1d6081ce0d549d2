/** OpenID Connect Core §5.1, §5.4, §11 – The scopes that are about the person, each with the claims that it asks for. */
export const CLAIMS_OF_SCOPES = {
  openid: ['sub'],
  profile: [
    'name',
    'given_name',
    'family_name',
    'preferred_username',
    'picture',
    'locale',
    'zoneinfo',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  offline_access: [],
} as const

export const IDENTITY_SCOPES: readonly string[] = Object.keys(CLAIMS_OF_SCOPES)

/** OpenID Connect Discovery §3 – Every claim that an application may receive, in an ID token or at /userinfo. */
export const CLAIMS: readonly string[] = [
  'iss',
  'aud',
  'exp',
  'iat',
  'auth_time',
  'nonce',
  'at_hash',
  'acr',
  'amr',
  'sid',
  ...Object.values(CLAIMS_OF_SCOPES).flat(),
]
