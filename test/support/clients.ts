import { randomBytes } from 'node:crypto'
import { createPepper } from '../../src/domain/base/pepper.ts'

/** A client in CLIENTS_FILE, with members of RFC 7591 and our own. */
export type ClientEntry = Readonly<Record<string, unknown>> & Readonly<{ client_id: string }>

const createSecret = () => randomBytes(32).toString('base64url')

/** A value for REFRESH_TOKEN_PEPPER. */
export const createPepperText = createSecret

/** One whose id is not that of the other one: a server refuses two with one id, which random ones are in one pair of 256. */
export const createOtherPepperText = (other: string): string => {
  const text = createPepperText()
  return idOf(text) === idOf(other) ? createOtherPepperText(other) : text
}

const idOf = (pepper: string): number => createPepper(Buffer.from(pepper, 'base64url')).id

/** A value for REFRESH_TOKEN_PEPPER that is always the same. */
export const PEPPER = Buffer.alloc(32, 'pepper').toString('base64url')

/** The secrets of the test clients, for tests that search for them in logs and answers. */
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

/** The clients of most suites: one for each authentication method and for each role. */
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

/** RFC 6749 §4.4.2 – The form of the simplest token request. */
export const CLIENT_CREDENTIALS = { grant_type: 'client_credentials' }
