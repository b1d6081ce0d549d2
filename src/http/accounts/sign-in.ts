import { presentAccount } from '../../domain/account.ts'
import type { Credentials, SignedIn } from '../../flows/sign-up.ts'
import type { Clients } from '../../ports.ts'
import { originOf } from '../origin.ts'
import { type Handle, json, NO_STORE } from '../route.ts'
import { CREDENTIALS, findFirstParty, readFields } from './fields.ts'

type Enter = (credentials: Credentials) => Promise<SignedIn>

/** Contract – POST /auth/register and POST /auth/login: the same request, the same answer, another status. */
export const enterWith =
  (status: 200 | 201, clients: Clients, enter: Enter): Handle =>
  async call => {
    const { email, password, client_id } = await readFields(call, CREDENTIALS)
    const client = await findFirstParty(clients, client_id)
    const { account, tokens } = await enter({ client, email, password, origin: originOf(call) })
    const body = { user: presentAccount(account), ...tokens }
    return { ...json(status, body, NO_STORE), log: { client_id: client.client_id, sub: account.id } }
  }
