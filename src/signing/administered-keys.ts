import type { AdministeredKeys, KeyOutcome } from '../ports/keys.ts'
import type { Outcome } from './change-keys.ts'
import { listKeys, type Place } from './list-keys.ts'
import { retireKey, revokeKey, rotateKeys } from './rotation.ts'

/** The key files for administrators. `reload` lets this process take up a change at once; every other one does within seconds. */
export const createAdministeredKeys = (place: Place, reload: () => Promise<void>): AdministeredKeys => {
  const changing = async (work: () => Promise<Outcome>): Promise<KeyOutcome> => {
    const former = await listKeys(place)
    if ('faults' in former) return { refusal: former.faults.join('; ') }
    const outcome = await work()
    if ('faults' in outcome) return { refusal: outcome.faults.join('; ') }
    if ('refusal' in outcome) return outcome
    await reload()
    return { before: former.keys, after: outcome.keys }
  }
  return {
    list: async () => {
      const listed = await listKeys(place)
      return 'faults' in listed
        ? { refusal: listed.faults.join('; ') }
        : { after: listed.keys, before: listed.keys }
    },
    rotate: now => changing(() => rotateKeys(place, { now })),
    retire: (kid, now) => changing(() => retireKey(place, { kid, now })),
    revoke: kid => changing(() => revokeKey(place, { kid, now: true })),
  }
}
