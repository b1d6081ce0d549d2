import type { Config } from '../config.ts'
import { EMPTY_PROFILE } from '../domain/account/profile.ts'
import { isLoopback } from '../domain/base/ip-address.ts'
import type { Client } from '../domain/oauth/client.ts'
import { consoleClient } from '../domain/oauth/console-client.ts'
import { FIRST_ROLES } from '../domain/oauth/roles.ts'
import { ADMIN_SCOPE } from '../domain/oauth/scope.ts'
import { createRevoke } from '../flows/oauth/revoke.ts'
import { createExchange } from '../grants/exchange.ts'
import { createEntryLink } from '../http/console/entry-link.ts'
import type { ConsoleNeeds } from '../http/console/index.ts'
import { createConsoleParty } from '../http/console/relying-party.ts'
import { createConsoleVisits } from '../http/console/visits.ts'
import type { ComposedAccounts } from './accounts.ts'
import type { Base } from './base.ts'
import type { ComposedOAuth } from './oauth.ts'
import type { OpenParts } from './open.ts'

type Parts = Base &
  Readonly<{
    opened: OpenParts
    oauth: Pick<ComposedOAuth, 'grants' | 'proveSender'>
    openSignIn: ComposedAccounts['openSignIn']
  }>

/** The console: a client whose codes and refresh tokens are redeemed in process. Null without an address at which it could be opened. */
export const composeConsole = async (config: Config, parts: Parts): Promise<ConsoleNeeds | null> => {
  const { CONSOLE_URL: console_url } = config
  if (console_url === null) return null
  const { issuer } = parts
  const client = consoleClient({ issuer, console_url })
  // It has no secret: no request at the token endpoint is ever its own.
  const authenticateClient = async () => client
  const visits = createConsoleVisits({ ...parts, console_url })
  const party = createConsoleParty({
    ...parts,
    client,
    visits,
    exchange: createExchange({ ...parts, ...parts.oauth, authenticateClient }),
    revoke: createRevoke({
      ...parts,
      authenticateClient,
      limit: parts.limits('revoke', config.RATE_LIMIT_REVOKE),
    }),
  })
  return {
    ...parts,
    console_url,
    visits,
    party,
    link: await composeLink(config, { ...parts, client, party, console_url }),
  }
}

export type ComposedConsole = Awaited<ReturnType<typeof composeConsole>>

const DEVELOPER = 'admin@example.com'

type Linking = Parts & Readonly<{ client: Client; party: ConsoleNeeds['party']; console_url: string }>

/** Null but on the embedded default, where others than the developer could reach the server, and where the address of the account belongs to another person. */
const composeLink = async ({ HOST, INTERNAL_HOST, INTERNAL_PORT }: Config, parts: Linking) => {
  const isOwnMachine = [HOST, INTERNAL_HOST, new URL(parts.console_url).hostname].every(isLoopback)
  if (parts.opened.demo === null || INTERNAL_PORT === null || !isOwnMachine) return null
  const { accounts } = parts
  await createDeveloper(parts)
  const findAccount = async () => {
    const account = await accounts.findByEmail(DEVELOPER)
    return account?.roles.includes(ADMIN_SCOPE) === true && account.disabled_at === null ? account : null
  }
  return (await findAccount()) === null ? null : createEntryLink({ ...parts, findAccount })
}

/** Without a password: the link is the way in. An account that is there keeps what its owner has made of it. */
const createDeveloper = async ({ administration, random, clock }: Linking) => {
  if ((await administration.find({ email: DEVELOPER })) !== null) return
  await administration.create({
    ...EMPTY_PROFILE,
    id: random.uuid(),
    email: DEVELOPER,
    password_digest: null,
    roles: [...FIRST_ROLES, ADMIN_SCOPE],
    email_verified: true,
    disabled: false,
    created_at: clock().toISOString(),
    external_id: null,
  })
}
