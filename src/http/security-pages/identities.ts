import { connectedUpstreams, isLastWayIn } from '../../domain/account/ways-in.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import type { OwnIdentity } from '../../flows/factors/own-ways.ts'
import type { OwnIdentities } from '../../flows/upstream/own-identities.ts'
import { proofInSession } from '../account-pages/own-proof.ts'
import { type Act, again, frameOf, type Show, type Visit } from '../account-pages/visit.ts'
import type { ShownUpstream } from '../hosted/upstream.ts'
import type { UpstreamAttempts } from '../hosted/upstream-attempts.ts'
import type { Cookie } from '../server/cookies.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call } from '../server/route.ts'
import { addingPage, identityRemovalPage } from './identity-pages.ts'
import { SECURITY_PATH } from './parts.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  ownSecurity: OwnSecurity
  ownIdentities: OwnIdentities
  shownUpstreams: () => readonly ShownUpstream[]
  upstreamAttempts: UpstreamAttempts
  deviceCookie: Cookie
}>

/** The provider that an address names; null where there is none, and where the person has an identity of it already. */
const upstreamAt = async ({ shownUpstreams, ownIdentities }: Needs, call: Call, { actor }: Visit) => {
  const named = shownUpstreams().find(({ upstream }) => upstream.id === call.context.req.param('id'))
  if (named === undefined) return null
  const identities = await ownIdentities.list(actor)
  return connectedUpstreams({ identities }).has(named.upstream.id) ? null : named.upstream
}

/** An identity is a way to sign in: the person who adds one has proved a moment ago that the account is theirs. */
export const showAdding =
  (needs: Needs): Show =>
  async (call, visit) => {
    const { ownProfile, ownSecurity } = needs
    const upstream = await upstreamAt(needs, call, visit)
    if (upstream === null) return again(call, SECURITY_PATH)
    ownSecurity.requireFresh(visit.actor, await ownSecurity.find(visit.actor))
    const frame = frameOf(await ownProfile.read(visit.actor), visit)
    return pageReply(call, 200, view => {
      const offer = view.upstreams.find(({ id }) => id === upstream.id)
      if (offer === undefined) throw new Error(`no button for the provider ${upstream.id}`)
      return addingPage({ frame, upstream: offer })(view)
    })
  }

export const addIdentity =
  (needs: Needs): Act =>
  async (call, visit) => {
    const { ownSecurity, upstreamAttempts } = needs
    const { actor, session_id } = visit
    const upstream = await upstreamAt(needs, call, visit)
    if (upstream === null) return again(call, SECURITY_PATH)
    ownSecurity.requireFresh(actor, await ownSecurity.find(actor))
    const adding = { account_id: actor.account.id, session_id }
    return upstreamAttempts.begin(call, upstream, {
      interaction: null,
      adding,
      isFresh: false,
      max_age: null,
    })
  }

export const showIdentityRemoval =
  (needs: Needs): Show =>
  async (call, visit) => {
    const found = await identityAt(needs, call, visit)
    if (found === null) return again(call, SECURITY_PATH)
    const { ownProfile, ownSecurity } = needs
    ownSecurity.requireFresh(visit.actor, await ownSecurity.find(visit.actor))
    const frame = frameOf(await ownProfile.read(visit.actor), visit)
    return pageReply(call, 200, identityRemovalPage({ frame, ...found }))
  }

export const removeIdentity =
  (needs: Needs): Act =>
  async (call, visit) => {
    const { ownIdentities, deviceCookie } = needs
    const { actor, next_cookie } = visit
    const found = await identityAt(needs, call, visit)
    if (found === null || found.isOnlyWay) return again(call, SECURITY_PATH)
    const proof = proofInSession(call, deviceCookie)
    const remove = async () => {
      await ownIdentities.unlink(actor, { id: found.identity.id, proof })
      return { ...again(call, `${SECURITY_PATH}?done=changed`), cookies: [next_cookie] }
    }
    // Another tab may have removed it meanwhile.
    return answeringProblems(remove, async ({ code }) =>
      code === 'NOT_FOUND' ? again(call, SECURITY_PATH) : null,
    )(call)
  }

/** The identity that an address names, and whether it is the last way in; null where the person has none of that id. */
const identityAt = async (
  { ownIdentities }: Needs,
  call: Call,
  { actor }: Visit,
): Promise<Readonly<{ identity: OwnIdentity; isOnlyWay: boolean }> | null> => {
  const ways = await ownIdentities.waysIn(actor)
  const identity = ways.identities.find(({ id }) => id === call.context.req.param('id'))
  return identity === undefined ? null : { identity, isOnlyWay: isLastWayIn(ways, identity.id) }
}
