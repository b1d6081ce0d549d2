import { presentAccount } from '../../domain/account/account.ts'
import { aboutFamily, aboutSignIn } from '../../domain/base/log-fields.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { RequireResources } from '../../flows/access/require-resources.ts'
import type { SignedIn } from '../../flows/sign-in/complete-sign-in.ts'
import type { SignInOutcome } from '../../flows/sign-in/sign-in.ts'
import type { Credentials } from '../../flows/sign-in/sign-up.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Limit } from '../../ports/limits.ts'
import type { Cookie } from '../server/cookies.ts'
import { problemReply } from '../server/refusal.ts'
import { type Call, type Handle, json, NO_STORE, type Reply } from '../server/route.ts'
import { DEVICE_HEADER, DEVICE_SECONDS, seenOf } from '../server/seen.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { CREDENTIALS, findFirstParty, readFields } from './fields.ts'
import { limitedOnceRead, type Within } from './limited.ts'

type SignInFlow = (credentials: Credentials) => Promise<SignInOutcome>
type Needs = Readonly<{
  clients: Clients
  cookieTransport: CookieTransport
  deviceCookie: Cookie
  requireResources: RequireResources
}>
type Limits = Readonly<{ limits: Readonly<{ accounts: Limit }> }>

/** Ours (docs/decisions/0029) – POST /auth/register and POST /auth/login, which differ in the status of the answer alone. */
export const handleSignIn = (status: 200 | 201, needs: Needs & Limits & Within, signIn: SignInFlow): Handle =>
  limitedOnceRead(
    needs.limits.accounts,
    call => readRequest(call, needs),
    async ({ client, ...given }, call) => {
      const { refresh_transport } = given
      const judge = needs.within(async () => {
        const result = await signIn({ ...given, ...seenOf(call, needs.deviceCookie), client })
        switch (result.outcome) {
          case 'signed_in':
            return replyWith(status, { signedIn: result, client, refresh_transport }, needs)
          case 'second_factor_needed':
            return secondFactorNeeded(result)
        }
      })
      const reply = await judge(call)
      return { ...reply, log: { client_id: client.client_id, ...reply.log } }
    },
  )

/** A request that can be carried out: its fields, its client and its page are judged, and no account has been asked for. */
const readRequest = async (call: Call, { clients, cookieTransport, requireResources }: Needs) => {
  const { client_id, resource: resources, ...given } = await readFields(call, CREDENTIALS)
  const client = await findFirstParty(clients, client_id)
  cookieTransport.admit(call, client, given.refresh_transport)
  requireResources(client, resources)
  return { ...given, client, resources }
}

/** Ours (docs/decisions/0014) – 401, with the handle of the second half and the factors that may be shown. */
const secondFactorNeeded = ({ account, offer: members }: SecondFactorNeeded): Reply => {
  const about = aboutSignIn({ sub: account.id })
  const reason = 'second_factor_required'
  return problemReply(new Problem('AUTH_SECOND_FACTOR_REQUIRED', { reason, members, about }))
}

type SecondFactorNeeded = Extract<SignInOutcome, { outcome: 'second_factor_needed' }>

type Replying = Pick<Needs, 'cookieTransport' | 'deviceCookie'>
type Completed = Readonly<{ signedIn: SignedIn; client: Client; refresh_transport: RefreshTransport }>

/** The answer to a person who is signed in now, by the transport that was asked for. */
export const replyWith = (
  status: number,
  { signedIn, client, refresh_transport }: Completed,
  needs: Replying,
): Reply => {
  const reply = (refresh_transport === 'cookie' ? inCookies : inBody)(status, signedIn, needs)
  const { account, sid } = signedIn
  return { ...reply, log: aboutFamily({ id: sid, user_id: account.id, client_id: client.client_id }) }
}

const inBody = (status: number, { account, tokens, device_token }: SignedIn): Reply =>
  json(status, { user: presentAccount(account), ...tokens }, { ...NO_STORE, [DEVICE_HEADER]: device_token })

const inCookies = (
  status: number,
  { account, tokens, device_token }: SignedIn,
  { cookieTransport, deviceCookie }: Replying,
): Reply => {
  const { body, cookies } = cookieTransport.deliver(tokens)
  return {
    ...json(status, { user: presentAccount(account), ...body }, NO_STORE),
    cookies: [...cookies, deviceCookie.write(device_token, DEVICE_SECONDS)],
  }
}
