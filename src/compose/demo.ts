import type { Config } from '../config.ts'
import { EMPTY_PROFILE } from '../domain/account/profile.ts'
import { FIRST_ROLES } from '../domain/oauth/roles.ts'
import { createRelyingParty } from '../http/demo/relying-party.ts'
import { createDemoVisits } from '../http/demo/visits.ts'
import { createCookie } from '../http/server/cookies.ts'
import { createAccountAdministration } from '../store/accounts/account-administration.ts'
import type { ComposedAccounts } from './accounts.ts'
import type { Base } from './base.ts'
import type { ComposedOAuth } from './oauth.ts'
import type { OpenParts } from './open.ts'

type Parts = Omit<Base, 'limits'> &
  Pick<ComposedOAuth, 'exchange' | 'revoke' | 'metadata'> &
  Pick<ComposedAccounts, 'csrf' | 'limits'> &
  Readonly<{ opened: OpenParts }>

/** The demo application and its account; null but on the embedded database without a CLIENTS_FILE. */
export const composeDemo = async (config: Config, parts: Parts) => {
  const { demo } = parts.opened
  if (demo === null) return null
  await createDemoAccount(config, parts, demo.account)
  const { email } = demo.account
  const { issuer, random } = parts
  return {
    email,
    csrf: parts.csrf,
    limits: parts.limits,
    visits: createDemoVisits({ cookie: createCookie('signet-demo', issuer, 'Lax', '/demo'), random }),
    relyingParty: createRelyingParty({
      ...parts,
      client: demo.web,
      login_hint: email,
      end_session_endpoint: endSessionEndpointOf(parts.metadata),
    }),
  }
}

export type ComposedDemo = Awaited<ReturnType<typeof composeDemo>>

type DemoAccount = NonNullable<OpenParts['demo']>['account']

/** An account that is there keeps what its owner has made of it. */
const createDemoAccount = async (config: Config, parts: Parts, { email, password }: DemoAccount) => {
  const { opened, passwords, random, clock } = parts
  const access_token_seconds = config.ACCESS_TOKEN_TTL_SECONDS
  const accounts = createAccountAdministration(opened.database, { access_token_seconds })
  if ((await accounts.find({ email })) !== null) return
  await accounts.create({
    ...EMPTY_PROFILE,
    id: random.uuid(),
    email,
    password_digest: await passwords.hash(password),
    roles: FIRST_ROLES,
    email_verified: true,
    disabled: false,
    created_at: clock().toISOString(),
    external_id: null,
  })
}

/** OpenID Connect RP-Initiated Logout §2.1 – Null where the server has none. */
const endSessionEndpointOf = (metadata: object): string | null =>
  'end_session_endpoint' in metadata && typeof metadata.end_session_endpoint === 'string'
    ? metadata.end_session_endpoint
    : null
