import type { LinkedIdentity, Upstream } from '../../domain/upstream/upstream.ts'
import type { Identities } from '../../ports/identities.ts'
import type { Actor } from '../access/actor.ts'
import type { OwnSecurity, SecurityOf } from './own-security.ts'

type Needs = Readonly<{
  identities: Pick<Identities, 'list'>
  ownSecurity: Pick<OwnSecurity, 'find'>
  /** UPSTREAMS_FILE, as it is now. */
  upstreams: () => readonly Upstream[]
}>

/** An identity as its owner is shown it, with the name of the provider, and its ids in UPSTREAMS_FILE: none where it has left the file. */
export type OwnIdentity = LinkedIdentity & Readonly<{ label: string; upstreams: readonly string[] }>

/** Everything that a person can sign in with, and what else proves who they are. */
export type OwnWaysIn = SecurityOf & Readonly<{ identities: readonly OwnIdentity[] }>

/** Ours – Finds what a person can sign in with. Each removal of a way in asks for it, to refuse the last one (`isLastWayIn`). */
export const createOwnWays = ({ identities, ownSecurity, upstreams }: Needs) => {
  const labelOf = ({ issuer }: LinkedIdentity): string =>
    upstreams().find(each => each.issuer === issuer)?.label ?? new URL(issuer).host
  const list = async ({ account }: Actor): Promise<readonly OwnIdentity[]> =>
    (await identities.list(account.id)).map(identity => ({
      ...identity,
      label: labelOf(identity),
      upstreams: upstreams().flatMap(({ id, issuer }) => (issuer === identity.issuer ? [id] : [])),
    }))
  const find = async (actor: Actor): Promise<OwnWaysIn> => {
    const [security, own] = await Promise.all([ownSecurity.find(actor), list(actor)])
    return { ...security, identities: own }
  }
  return { list, find }
}

export type OwnWays = ReturnType<typeof createOwnWays>
