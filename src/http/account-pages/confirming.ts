import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import type { OwnIdentities } from '../../flows/upstream/own-identities.ts'
import { confirmationOf } from '../hosted/confirmation.ts'
import type { Interactions, PasskeyRequestOf } from '../hosted/interactions.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call, Reply } from '../server/route.ts'
import type { Visit } from './visit.ts'

type Needs = Readonly<{
  ownSecurity: OwnSecurity
  ownIdentities: OwnIdentities
  interactions: Interactions
  passkeyRequestOf: PasskeyRequestOf
  isResetOffered: boolean
}>

/**
 * RFC 9470 §3, §5 – A page of a change for which the person has to prove again who they are: where they have not, they do so on a page of
 * its own, and come back to this address. The way back is sealed.
 */
export const createConfirming = (needs: Needs) => {
  const lead = async (call: Call, visit: Visit): Promise<Reply> => {
    const { interactions, ownSecurity, ownIdentities } = needs
    const { actor, session_id } = visit
    const { id: account_id, email } = actor.account
    const { hasPassword, passkeys } = await ownSecurity.find(actor)
    const upstreams = await ownIdentities.provingUpstreamsOf(actor)
    const ways = { hasPassword, hasPasskey: passkeys.length > 0, upstreams }
    const confirmation = { account_id, email, ...ways }
    const shown = { confirmation, identity: undefined, asking: null, notice: null }
    const { path } = call.context.req
    const interaction = { ...interactions.begin(null), session_id, confirmation, path }
    return interactions.lead(call, interaction, confirmationOf(needs, shown))
  }
  /** Wraps a page, or what answers its form. */
  return <Given extends readonly unknown[]>(
    handle: (call: Call, visit: Visit, ...given: Given) => Promise<Reply>,
  ) =>
    (call: Call, visit: Visit, ...given: Given): Promise<Reply> =>
      answeringProblems(
        each => handle(each, visit, ...given),
        async ({ code }) => (code === 'AUTH_STEP_UP_REQUIRED' ? lead(call, visit) : null),
      )(call)
}
