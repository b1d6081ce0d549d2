import { randomBytes } from 'node:crypto'

/** What a CLIENTS_FILE holds of a client: RFC 7591 names, and ours. */
export type ClientEntry = Readonly<Record<string, unknown>> & Readonly<{ client_id: string }>

const createSecret = () => randomBytes(32).toString('base64url')

/** What REFRESH_TOKEN_PEPPER takes. */
export const createPepperText = createSecret

/** One that is the same each time. */
export const PEPPER = Buffer.alloc(32, 'pepper').toString('base64url')

/** Every secret that the test clients hold, to be looked for where it must not be. */
export const SECRETS = {
  service: createSecret(),
  poster: createSecret(),
  odd: 'a+b:c%d e&f=é€😀-long-enough-to-be-taken',
  introspector: createSecret(),
  confidential: createSecret(),
  stranger: createSecret(),
}

export const API = 'https://api.example'
export const OTHER_API = 'https://other.example'

/** The clients that most suites are served with: one for each way to authenticate, and one for each part to play. */
export const CLIENTS: readonly ClientEntry[] = [
  {
    client_id: 'service',
    client_secret: SECRETS.service,
    grant_types: ['client_credentials'],
    scope: 'read write',
    audience: [API, OTHER_API],
  },
  {
    client_id: 'poster',
    client_secret: SECRETS.poster,
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['client_credentials'],
    scope: 'read',
  },
  { client_id: 'odd id:+%', client_secret: SECRETS.odd, grant_types: ['client_credentials'], scope: 'read' },
  { client_id: 'introspector', client_secret: SECRETS.introspector, protected_resources: [API] },
  { client_id: 'stranger', client_secret: SECRETS.stranger, grant_types: ['refresh_token'], scope: 'read' },
  {
    client_id: 'confidential',
    client_secret: SECRETS.confidential,
    grant_types: ['refresh_token', 'client_credentials'],
    scope: 'read write',
    audience: [API, OTHER_API],
  },
  {
    client_id: 'app',
    token_endpoint_auth_method: 'none',
    first_party: true,
    grant_types: ['refresh_token'],
    scope: 'read write',
    audience: [API, OTHER_API],
    redirect_uris: ['https://app.example/callback', 'com.example.app:/callback'],
  },
  {
    client_id: 'grace-app',
    token_endpoint_auth_method: 'none',
    first_party: true,
    grant_types: ['refresh_token'],
    scope: 'read write',
    audience: [API],
    refresh_grace_seconds: 30,
  },
]

/** RFC 6749 §2.3.1 – HTTP Basic, each half form-encoded first. */
export const basic = (client_id: string, secret: string): Readonly<{ authorization: string }> => {
  const encode = (text: string) => new URLSearchParams({ _: text }).toString().slice(2)
  return {
    authorization: `Basic ${Buffer.from(`${encode(client_id)}:${encode(secret)}`).toString('base64')}`,
  }
}

export const SERVICE = basic('service', SECRETS.service)
export const INTROSPECTOR = basic('introspector', SECRETS.introspector)
export const CONFIDENTIAL = basic('confidential', SECRETS.confidential)

/** RFC 6749 §4.4.2 – The whole form of the plainest request for a token. */
export const CLIENT_CREDENTIALS = { grant_type: 'client_credentials' }
