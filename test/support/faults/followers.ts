import { setTimeout as pause } from 'node:timers/promises'
import { followRevocations } from '../../../src/sdk/revocations-node.ts'
import type { Fetch } from '../../../src/sdk/verify/remote-json.ts'
import type { RevocationQuery } from '../../../src/sdk/verify/revocation-source.ts'
import { claimsOf } from '../accounts/account-api.ts'
import type { FamilyHistory, History } from './history.ts'
import { ISSUER_OF_STAGE, type Stage } from './stage.ts'

const LOOK_MILLISECONDS = 20
/** Seconds without a new ending after which the watch gives up on those that are unheard. */
const PATIENCE_SECONDS = 30

type Sighting = Readonly<{ known: FamilyHistory; at: number; heard: (number | null)[] }>

/** A follower of the feed at each instance, and when each heard of the acknowledged endings. */
export const startFollowers = ({ instances }: Stage, history: History) => {
  const followers = followEach(instances)
  const sightings = new Map<string, Sighting>()
  const stopping = new AbortController()
  const closing = new AbortController()
  let lastEnding = performance.now()

  const collect = () => {
    for (const known of history.families()) {
      const at = known.ending?.at ?? null
      if (at === null || known.access_tokens.length === 0 || sightings.has(known.family.id)) continue
      sightings.set(known.family.id, { known, at, heard: followers.map(() => null) })
      lastEnding = performance.now()
    }
  }
  const look = ({ known, heard }: Sighting) => {
    const query = revocationQueryOf(known.access_tokens.at(-1) ?? '')
    for (const [index, follower] of followers.entries())
      if (heard[index] === null && follower.check(query) === 'revoked') heard[index] = performance.now()
  }
  const unheard = () => [...sightings.values()].filter(({ heard }) => heard.includes(null))
  const watch = async () => {
    while (!closing.signal.aborted && (!stopping.signal.aborted || unheard().length > 0)) {
      await pause(LOOK_MILLISECONDS)
      collect()
      unheard().forEach(look)
      if (stopping.signal.aborted && performance.now() - lastEnding > PATIENCE_SECONDS * 1000) return
    }
  }
  const watching = watch()

  return {
    /**
     * Waits for the endings that are unheard. Returns how many stayed so, and the longest time between an acknowledgement, or the end of the
     * fault where it came later, and a follower.
     */
    finish: async ({ began, over }: Readonly<{ began: number; over: number }>) => {
      stopping.abort()
      await watching
      const seconds = [...sightings.values()].flatMap(({ at, heard }) =>
        heard.map(time => (time === null ? 0 : lateness({ at, heard: time }, { began, over }))),
      )
      return { unheard: unheard().length, slowest_seconds: Math.max(0, ...seconds) / 1000 }
    },
    close: () => {
      closing.abort()
      for (const follower of followers) follower.close()
    },
  }
}

/** A follower of the feed at each instance. */
export const followEach = (instances: Stage['instances']) =>
  instances.map(({ origin }) =>
    followRevocations({
      issuer: ISSUER_OF_STAGE,
      url: `${origin}/revocations`,
      jwks_uri: `${origin}/.well-known/jwks.json`,
      fetch: balancedOver(instances),
    }),
  )

/** As behind a load balancer: asks the other instance where the named one accepts no connection. */
const balancedOver =
  (instances: Stage['instances']): Fetch =>
  (url, init) =>
    fetch(url, init).catch((fault: unknown) => {
      const other = instances.find(({ origin }) => !url.startsWith(origin))
      if (other === undefined || init.signal.aborted) throw fault
      return fetch(other.origin + new URL(url).pathname + new URL(url).search, init)
    })

/** Milliseconds. Time before the end of the fault counts only for what was heard before it began. */
const lateness = (
  { at, heard }: Readonly<{ at: number; heard: number }>,
  { began, over }: Readonly<{ began: number; over: number }>,
) => Math.max(0, heard - (at < over && heard > began ? over : at))

/** What a verifier asks of the feed about an access token. */
export const revocationQueryOf = (access_token: string): RevocationQuery => {
  const { jti, sid, sub, client_id, iat, exp } = claimsOf(access_token)
  return {
    jti: String(jti),
    sid: String(sid),
    sub: String(sub),
    client_id: String(client_id),
    iat: Number(iat),
    exp: Number(exp),
  }
}
