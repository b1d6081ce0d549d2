import {
  judgeRing,
  judgeRotation,
  type KeyState,
  type KeyStatus,
  type RingKey,
} from '../domain/keys/key-ring.ts'
import type { Clock } from '../ports/effects.ts'
import { catchFaults, type Faults } from './fault.ts'
import { loadKeys } from './key-directory.ts'

/** The directory of the keys and the clock that decides their states. */
export type Place = Readonly<{ directory: string; clock: Clock }>

/** A key as an operator sees it: no part of it is secret. */
export type ListedKey = Readonly<Pick<RingKey, 'kid' | 'file' | 'signs_from' | 'announced_at'> & KeyStatus>

export type Schedule = readonly (RingKey & KeyStatus)[]

/** The keys in the order in which they sign, as they are now. Changes nothing and needs no lock. */
export const listKeys = (place: Place): Promise<{ readonly keys: readonly ListedKey[] } | Faults> =>
  catchFaults(async () => {
    const schedule = await readSchedule(place, place.clock())
    return 'faults' in schedule ? schedule : { keys: schedule.map(listed) }
  })

export const readSchedule = async ({ directory }: Place, now: Date): Promise<Schedule | Faults> => {
  const loaded = await loadKeys(directory)
  if (loaded.faults.length > 0 || !('keys' in loaded)) return { faults: loaded.faults }
  return judgeRing(
    loaded.keys.map(({ key }) => key),
    now,
  )
}

/** The fields of a key that an operator sees, without the functions that sign and verify. */
export const listed = ({
  kid,
  file,
  state,
  signs_from,
  announced_at,
  retired_at,
  drop_at,
}: Schedule[number]): ListedKey => ({
  kid,
  state,
  announced_at,
  signs_from,
  retired_at,
  drop_at,
  file,
})

/** The figures about the keys that an operator monitors. */
export const reportKeys = (
  keys: Readonly<{ isReadOnly: boolean; schedule(): readonly ListedKey[] }>,
  { now, every_seconds }: Readonly<{ now: Date; every_seconds: number }>,
) => {
  const ring = keys.schedule()
  const count = (state: KeyState) => ring.filter(key => key.state === state).length
  const signing = ring.find(key => key.state === 'signing')
  const since = signing?.signs_from ?? signing?.announced_at ?? null
  return {
    ...judgeRotation(ring, { now, every_seconds, isReadOnly: keys.isReadOnly }),
    isReadOnly: keys.isReadOnly,
    age_seconds: since === null ? null : (now.getTime() - since.getTime()) / 1000,
    states: {
      announced: count('announced'),
      signing: count('signing'),
      retired: count('retired'),
      dropped: count('dropped'),
    },
  }
}
