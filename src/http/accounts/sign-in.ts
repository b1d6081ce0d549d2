import { presentAccount } from '../../domain/account.ts'
import type { Credentials, SignedIn } from '../../flows/sign-up.ts'
import type { Clients } from '../../ports.ts'
import { originOf } from '../origin.ts'
import { type Handle, json, NO_STORE } from '../route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { CREDENTIALS, findFirstParty, readFields } from './fields.ts'

type Enter = (credentials: Credentials) => Promise<SignedIn>
type Needs = Readonly<{ clients: Clients; cookieTransport: CookieTransport }>

/** Contract – POST /auth/register and POST /auth/login: the same request, the same answer, another status. */
export const enterWith =
  (status: 200 | 201, { clients, cookieTransport }: Needs, enter: Enter): Handle =>
  async call => {
    const { email, password, client_id, refresh_transport } = await readFields(call, CREDENTIALS)
    const client = await findFirstParty(clients, client_id)
    if (refresh_transport === 'cookie') cookieTransport.requireOwnPage(call, client)
    const credentials = { client, email, password, refresh_transport, origin: originOf(call) }
    const { account, tokens } = await enter(credentials)
    const { body, cookies } =
      refresh_transport === 'cookie' ? cookieTransport.deliver(tokens) : { body: tokens, cookies: [] }
    return {
      ...json(status, { user: presentAccount(account), ...body }, NO_STORE),
      cookies,
      log: { client_id: client.client_id, sub: account.id },
    }
  }
