import { type AccessTokenClaims, judgeAccessToken } from '../../domain/oauth/access-token.ts'
import type { AudiencePolicy } from '../../domain/oauth/audience.ts'
import { type RemainingGrant, remainingGrantOf } from '../../domain/oauth/remaining-grant.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Blocklist, Revocations } from '../../ports/revocations.ts'

type Needs = Readonly<{
  keys: Keys
  clients: Clients
  revocations: Revocations
  blocklist: Blocklist
  clock: Clock
  issuer: string
  policy: AudiencePolicy
}>

/** An access token of ours, and what its client's registration, as it is now, leaves of it. */
export type OwnToken = Readonly<{ claims: AccessTokenClaims; remaining: RemainingGrant }>

/** RFC 7662 §2.2 – Judges access tokens of ours, whatever their audience. Whether one was ended is asked last: it costs a query. */
export const createOwnTokens = ({
  keys,
  clients,
  revocations,
  blocklist,
  clock,
  issuer,
  policy,
}: Needs): OwnTokens => ({
  read: async text => {
    const judged = judgeAccessToken(keys.verify('at+jwt', text), {
      issuer,
      sole_audience: null,
      now: clock(),
    })
    if ('refusal' in judged) return null
    const { claims } = judged
    const issuedTo = await clients.findFor(claims.client_id, null)
    const remaining = 'refusal' in issuedTo ? null : remainingGrantOf(claims, issuedTo.client, policy)
    return remaining === null ? null : { claims, remaining }
  },
  livingAt: async claims => ((await blocklist.has(claims)) ? null : revocations.livingAt(claims)),
})

export type OwnTokens = Readonly<{
  /** Null unless the text is an access token of ours that has not expired and of which the client's registration leaves something. */
  read: (text: string) => Promise<OwnToken | null>
  /** The database's time at which the token lived; null when the token, its sign-in or its account has been ended. */
  livingAt: (claims: AccessTokenClaims) => Promise<Date | null>
}>
