import { presentAccount } from '../../domain/account/account.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { Offer } from '../../flows/factors/offer-factors.ts'
import type { SignedIn } from '../../flows/sign-in/complete-sign-in.ts'
import type { SignInOutcome } from '../../flows/sign-in/sign-in.ts'
import type { Credentials } from '../../flows/sign-in/sign-up.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Cookie } from '../server/cookies.ts'
import { problemReply } from '../server/refusal.ts'
import { type Handle, json, NO_STORE, type Reply } from '../server/route.ts'
import { DEVICE_HEADER, DEVICE_SECONDS, seenOf } from '../server/seen.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { CREDENTIALS, findFirstParty, readFields } from './fields.ts'
import type { Within } from './limited.ts'

type SignInFlow = (credentials: Credentials) => Promise<SignInOutcome>
type Needs = Readonly<{ clients: Clients; cookieTransport: CookieTransport; deviceCookie: Cookie }>

/** Ours (docs/decisions/0029) – POST /auth/register and POST /auth/login: the same request, the same answer, another status. */
export const handleSignIn = (status: 200 | 201, needs: Needs & Within, signIn: SignInFlow): Handle => {
  const { clients, cookieTransport, deviceCookie, within } = needs
  return async call => {
    const { client_id, resource: resources, ...given } = await readFields(call, CREDENTIALS)
    const { refresh_transport } = given
    const client = await findFirstParty(clients, client_id)
    cookieTransport.admit(call, client, refresh_transport)
    const judge = within(async () => {
      const result = await signIn({ ...given, resources, ...seenOf(call, deviceCookie), client })
      switch (result.outcome) {
        case 'signed_in':
          return replyWith(status, { signedIn: result, client, refresh_transport }, needs)
        case 'second_factor_needed':
          return secondFactorNeeded(result.offer)
      }
    })
    return judge(call)
  }
}

/** Ours (docs/decisions/0014) – 401, with the handle of the second half and the factors that would do. */
const secondFactorNeeded = (members: Offer): Reply =>
  problemReply(new Problem('AUTH_SECOND_FACTOR_REQUIRED', { reason: 'second_factor_required', members }))

type Completed = Readonly<{ signedIn: SignedIn; client: Client; refresh_transport: RefreshTransport }>

/** What somebody who is signed in now gets, by the transport that was asked for. */
export const replyWith = (
  status: number,
  { signedIn, client, refresh_transport }: Completed,
  needs: Needs,
): Reply => {
  const reply = (refresh_transport === 'cookie' ? inCookies : inBody)(status, signedIn, needs)
  return { ...reply, log: { client_id: client.client_id, sub: signedIn.account.id } }
}

const inBody = (status: number, { account, tokens, device_token }: SignedIn): Reply =>
  json(status, { user: presentAccount(account), ...tokens }, { ...NO_STORE, [DEVICE_HEADER]: device_token })

const inCookies = (
  status: number,
  { account, tokens, device_token }: SignedIn,
  { cookieTransport, deviceCookie }: Needs,
): Reply => {
  const { body, cookies } = cookieTransport.deliver(tokens)
  return {
    ...json(status, { user: presentAccount(account), ...body }, NO_STORE),
    cookies: [...cookies, deviceCookie.write(device_token, DEVICE_SECONDS)],
  }
}
