import { judgeRing, type KeyStatus, nextChange, type PublicJwk } from '../domain/keys/key-ring.ts'
import type { Clock } from '../ports/effects.ts'
import { type SigningKey, TYPS, type Typ } from './signing-key.ts'

/** The keys by their roles until the next state changes. Read at every signature, rebuilt a few times a month. */
export type RingView = Readonly<{
  schedule: readonly (SigningKey & KeyStatus)[]
  signing: SigningKey | undefined
  published: readonly PublicJwk[]
  byKid: ReadonlyMap<string, SigningKey>
  byHeader: ReadonlyMap<string, { readonly key: SigningKey; readonly typ: Typ }>
}>

export type Ring = Readonly<{ view(): RingView; replace(keys: readonly SigningKey[]): void }>

/** The loaded keys with their states at the present moment. States change by the clock alone, without reading the disk. */
export const createRing = (clock: Clock): Ring => {
  let keys: readonly SigningKey[] = []
  let cached: { view: RingView; from: Date; until: Date | null } | null = null
  return {
    replace: replacement => {
      keys = replacement
      cached = null
    },
    view: () => {
      const now = clock()
      // A clock that was set back invalidates the view, too.
      if (cached === null || now < cached.from || (cached.until !== null && now >= cached.until)) {
        const view = createView(keys, now)
        cached = { view, from: now, until: nextChange(view.schedule, now) }
      }
      return cached.view
    },
  }
}

const createView = (keys: readonly SigningKey[], now: Date): RingView => {
  const schedule = judgeRing(keys, now)
  const published = schedule.filter(key => key.state !== 'dropped')
  return {
    schedule,
    signing: schedule.find(key => key.state === 'signing'),
    published: Object.freeze(published.map(key => key.jwk)),
    byKid: new Map(published.map(key => [key.kid, key])),
    byHeader: new Map(published.flatMap(key => TYPS.map(typ => [key.headers[typ], { key, typ }] as const))),
  }
}
