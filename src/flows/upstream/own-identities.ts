import type { Account } from '../../domain/account/account.ts'
import { isLastWayIn } from '../../domain/account/ways-in.ts'
import type { Language } from '../../domain/base/language.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { saysAuthTime, type Upstream, type UpstreamIdentity } from '../../domain/upstream/upstream.ts'
import type { Random } from '../../ports/effects.ts'
import type { Identities } from '../../ports/identities.ts'
import { type Actor, keptOf, type Owner } from '../access/actor.ts'
import type { OwnWays } from '../factors/own-ways.ts'
import type { OwnerProof, RequireStepUp } from '../factors/require-step-up.ts'

type Needs = Readonly<{
  identities: Identities
  requireStepUp: RequireStepUp
  ownWays: OwnWays
  random: Random
  /** UPSTREAMS_FILE, as it is now. */
  upstreams: () => readonly Upstream[]
  /** The owner is notified of both by mail. */
  onLinked: (linking: Linking) => void
  onUnlinked: (owner: Owner, label: string) => void
}>

export type Linking = Readonly<{
  account: Account
  identity: Pick<UpstreamIdentity, 'issuer' | 'subject' | 'email'>
  /** The name of the provider, and what else a mail about the link needs. */
  label: string
  language: Language
  request_id: string
}>

/** Links an identity to the account whose owner has proved that it is theirs. Throws a Problem where it cannot be linked. */
export type LinkIdentity = (linking: Linking) => Promise<void>

/** Ours – The identities of a person at other providers: the person sees, links and unlinks them. */
export const createOwnIdentities = (needs: Needs) => {
  const { identities, ownWays, requireStepUp, random, upstreams, onLinked, onUnlinked } = needs
  return {
    list: ownWays.list,
    waysIn: ownWays.find,

    /** The providers, by their ids, at which the person may prove who they are. */
    provingUpstreamsOf: async ({ account }: Actor): Promise<readonly string[]> => {
      const issuers = new Set((await identities.list(account.id)).map(({ issuer }) => issuer))
      return upstreams()
        .filter(upstream => issuers.has(upstream.issuer) && saysAuthTime(upstream))
        .map(({ id }) => id)
    },

    /** Nothing happens for an identity that the account has already. Throws a 409 where another account has it. */
    link: async (linking: Linking): Promise<void> => {
      const { account, identity } = linking
      const { id: account_id, credential_epoch } = account
      const { issuer, subject, email } = identity
      const named = { issuer, subject, email, account_id, credential_epoch, id: random.uuid() }
      const linked = await identities.link(named)
      if (linked === null) throw new Problem('UPSTREAM_OVER', { reason: 'session_changed' })
      if (linked === 'linked') return onLinked(linking)
      const owner = await identities.findOwner(identity)
      if (owner?.id !== account_id) throw new Problem('UPSTREAM_TAKEN')
    },

    /** Ends every other sign-in. Throws a 404 for an identity that the account does not have, and a 409 for the last way in. */
    unlink: async (
      owner: Owner,
      { id, proof }: Readonly<{ id: string; proof: OwnerProof }>,
    ): Promise<void> => {
      await requireStepUp(owner, proof)
      const { account } = owner
      const ways = await ownWays.find(owner)
      const identity = ways.identities.find(each => each.id === id)
      if (identity === undefined) throw new Problem('NOT_FOUND')
      if (isLastWayIn(ways, id)) throw new Problem('UPSTREAM_LAST_WAY')
      const ended = await identities.unlink({
        account_id: account.id,
        credential_epoch: account.credential_epoch,
        id,
        issuers: upstreams().map(({ issuer }) => issuer),
        ...keptOf(owner),
      })
      if (ended === null) throw new Problem('UPSTREAM_LAST_WAY')
      onUnlinked(owner, identity.label)
    },
  }
}

export type OwnIdentities = ReturnType<typeof createOwnIdentities>
