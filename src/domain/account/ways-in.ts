/** What a person can sign in with: their password, their passkeys, and their identities at other providers. */
export type WaysIn = Readonly<{
  hasPassword: boolean
  passkeys: readonly Readonly<{ id: string }>[]
  /** `upstreams`: the providers of UPSTREAMS_FILE of the identity, by their ids; without one, it signs in no person. */
  identities: readonly Readonly<{ id: string; upstreams: readonly string[] }>[]
}>

/** Ours – Whether the person could sign in no more without this passkey or identity. A link by mail does not count: it needs the mailbox. */
export const isLastWayIn = ({ hasPassword, passkeys, identities }: WaysIn, id: string): boolean => {
  const usable = identities.filter(({ upstreams }) => upstreams.length > 0)
  return !hasPassword && [...passkeys, ...usable].every(each => each.id === id)
}

/** The providers at which the person has an identity already. */
export const connectedUpstreams = ({ identities }: Pick<WaysIn, 'identities'>): ReadonlySet<string> =>
  new Set(identities.flatMap(({ upstreams }) => upstreams))
