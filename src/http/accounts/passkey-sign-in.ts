import { z } from 'zod'
import { ASSERTION } from '../../domain/factors/assertion.ts'
import type { PasskeySignIn } from '../../flows/sign-in/passkey-sign-in.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Cookie } from '../server/cookies.ts'
import { type Handle, json, NO_STORE } from '../server/route.ts'
import { seenOf } from '../server/seen.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { CREDENTIALS, FILLED, findFirstParty, readFields } from './fields.ts'
import type { Within } from './limited.ts'
import { replyWith } from './sign-in.ts'

const OPTIONS = CREDENTIALS.pick({ client_id: true, refresh_transport: true, resource: true })
const ANSWER = z.object({ handle: FILLED, passkey: ASSERTION })

type Needs = Readonly<{
  clients: Clients
  passkeySignIn: PasskeySignIn
  cookieTransport: CookieTransport
  deviceCookie: Cookie
}>

/** Ours (docs/decisions/0014) – POST /auth/login/passkey/options: a challenge for any passkey; no account is named. */
export const handlePasskeyOptions =
  ({ clients, passkeySignIn, cookieTransport, within }: Needs & Within): Handle =>
  async call => {
    const { client_id, refresh_transport, resource: resources } = await readFields(call, OPTIONS)
    const client = await findFirstParty(clients, client_id)
    cookieTransport.admit(call, client, refresh_transport)
    const begin = within(async () =>
      json(200, await passkeySignIn.begin({ client, refresh_transport, resources }), NO_STORE),
    )
    return begin(call)
  }

/** Ours (docs/decisions/0014) – POST /auth/login/passkey: what /auth/login answers. */
export const handlePasskeySignIn =
  (needs: Needs): Handle =>
  async call => {
    const { handle, passkey: assertion } = await readFields(call, ANSWER)
    const completed = await needs.passkeySignIn.finish({
      handle,
      assertion,
      ...seenOf(call, needs.deviceCookie),
      admit: (client, refresh_transport) => needs.cookieTransport.admit(call, client, refresh_transport),
    })
    return replyWith(200, completed, needs)
  }
