import { z } from 'zod'
import { ASSERTION } from '../../domain/factors/assertion.ts'
import type { RequireResources } from '../../flows/access/require-resources.ts'
import type { PasskeySignIn } from '../../flows/sign-in/passkey-sign-in.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Limit } from '../../ports/limits.ts'
import type { Cookie } from '../server/cookies.ts'
import { catchingProblems } from '../server/refusal.ts'
import { type Call, type Handle, json, NO_STORE } from '../server/route.ts'
import { seenOf } from '../server/seen.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { CREDENTIALS, FILLED, findFirstParty, readFields } from './fields.ts'
import { limitedApart, limitedOnceRead } from './limited.ts'
import { replyWith } from './sign-in.ts'

const OPTIONS = CREDENTIALS.pick({ client_id: true, refresh_transport: true, resource: true })
const ANSWER = z.object({ handle: FILLED, passkey: ASSERTION })

type Needs = Readonly<{
  clients: Clients
  passkeySignIn: PasskeySignIn
  cookieTransport: CookieTransport
  deviceCookie: Cookie
  requireResources: RequireResources
}>
type Limits = Readonly<{ limits: Readonly<{ accounts: Limit; login: Limit }> }>

/**
 * Ours (docs/decisions/0014) – POST /auth/login/passkey/options: a challenge for any passkey; no account is named. Challenges count
 * apart from the attempts at passwords: a page may ask for one each time it is shown.
 */
export const handlePasskeyOptions = ({ passkeySignIn, limits, ...needs }: Needs & Limits): Handle =>
  limitedOnceRead(
    limits.accounts,
    call => readRequest(call, needs),
    (asked, call) => {
      const begin: Handle = async () => json(200, await passkeySignIn.begin(asked), NO_STORE)
      return limitedApart(limits.login, 'passkey', catchingProblems(begin))(call)
    },
  )

const readRequest = async (
  call: Call,
  { clients, cookieTransport, requireResources }: Omit<Needs, 'passkeySignIn'>,
) => {
  const { client_id, refresh_transport, resource: resources } = await readFields(call, OPTIONS)
  const client = await findFirstParty(clients, client_id)
  cookieTransport.admit(call, client, refresh_transport)
  requireResources(client, resources)
  return { client, refresh_transport, resources }
}

/** Ours (docs/decisions/0014) – POST /auth/login/passkey: answers as /auth/login does. */
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
