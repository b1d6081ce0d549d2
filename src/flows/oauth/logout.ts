import {
  isRegisteredTarget,
  judgeLogoutRequest,
  type LogoutTarget,
  logoutHintOf,
  logoutTargetOf,
} from '../../domain/authorization/logout-request.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { parseParameters } from '../../domain/oauth/form.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { BrowserSession, PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type { BrowserSessions } from '../../ports/authorization.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Keys } from '../../ports/keys.ts'

type Needs = Readonly<{ browserSessions: BrowserSessions; clients: Clients; keys: Keys; issuer: string }>

/** The browser is signed in no more. It goes to the target, or to a page of ours. */
export type SignedOut = Readonly<{ outcome: 'signed_out'; target: LogoutTarget | null }>

/** `ask`: the person decides. */
type LogoutOutcome =
  | Readonly<{ outcome: 'ask'; session: BrowserSession; client: Client | null; target: LogoutTarget | null }>
  | SignedOut

type Confirmed = Readonly<{ presented: PresentedSession; target: LogoutTarget | null }>

/** OpenID Connect RP-Initiated Logout §2 – The end of a browser session, with the sign-ins that were opened from it. */
export const createLogout = (needs: Needs) => ({
  /**
   * A request of an application, or of a person who came by themselves. An application that shows an ID token of the person who is
   * signed in, and names a registered URI, is believed; in every other case the person is asked, because any page can lead a browser here.
   */
  begin: async (query: string, presented: PresentedSession | null): Promise<LogoutOutcome> => {
    const { hint, client, target } = await readRequest(needs, query)
    const session = presented && (await needs.browserSessions.find(presented))
    if (presented === null || session === null)
      return { outcome: 'signed_out', target: hint === null ? null : target }
    if (hint === null || target === null || hint.sub !== session.account.id)
      return { outcome: 'ask', session, client, target }
    await needs.browserSessions.end(presented)
    return { outcome: 'signed_out', target }
  },

  /** What the person has confirmed. The registration of the client may have changed since. */
  confirm: async ({ presented, target }: Confirmed): Promise<SignedOut> => {
    await needs.browserSessions.end(presented)
    const client = target && (await needs.clients.find(target.client_id))
    const isProved = target !== null && client !== null && isRegisteredTarget(target, client)
    return { outcome: 'signed_out', target: isProved ? target : null }
  },
})

export type Logout = ReturnType<typeof createLogout>

const readRequest = async ({ clients, keys, issuer }: Needs, query: string) => {
  if (query.length > QUERY_MAX_CHARACTERS)
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'request_too_long' })
  const { form, faults } = parseParameters(query)
  if (faults.size > 0) throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'parameter_repeated' })
  const shown = form.get('id_token_hint')
  const claims = shown === undefined ? null : keys.verify('JWT', shown)
  const { hint, client_id } = judgeLogoutRequest(form, logoutHintOf(claims, issuer))
  const client = client_id === null ? null : await clients.find(client_id)
  return { hint, client, target: logoutTargetOf(form, client) }
}

const QUERY_MAX_CHARACTERS = 6_144
