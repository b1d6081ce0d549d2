import { type SelfRegistrationPolicy, withinPolicy } from '../../domain/clients/self-registration.ts'
import type { Client } from '../../domain/oauth/client.ts'

/** What clients that no operator has registered may ask for. The same object while nothing has changed. */
export type CurrentPolicy = () => SelfRegistrationPolicy

/**
 * Ours – A client within the policy of this moment. It stays the same object while neither the client nor the policy changes, by which callers
 * keep what they derive from it.
 */
export const createNarrow = (current: CurrentPolicy) => {
  const narrowed = new WeakMap<Client, Readonly<{ client: Client; policy: SelfRegistrationPolicy }>>()
  return (described: Client): Client => {
    const policy = current()
    const known = narrowed.get(described)
    if (known?.policy === policy) return known.client
    const client = withinPolicy(described, policy)
    narrowed.set(described, { client, policy })
    return client
  }
}
