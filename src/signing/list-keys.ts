import {
  judgeRing,
  judgeRotation,
  type KeyState,
  type KeyStatus,
  type RingKey,
} from '../domain/keys/key-ring.ts'
import type { Clock } from '../ports/effects.ts'
import { catchFaults, type Faults } from './fault.ts'
import { isReadOnly, loadKeys, prepareDirectory } from './key-directory.ts'
import { deleteLeftovers } from './key-file.ts'
import { withLock } from './lock.ts'

/** Where the keys are, and what time it is. */
export type Place = Readonly<{ directory: string; clock: Clock }>

/** A key as an operator sees it: no part of it is secret. */
export type ListedKey = Readonly<Pick<RingKey, 'kid' | 'file' | 'signs_from' | 'announced_at'> & KeyStatus>

type Schedule = readonly (RingKey & KeyStatus)[]

/** What holds at the moment of a change: the keys on the disk, the time, and the lock that is confirmed before each step. */
export type Change = Readonly<{ schedule: Schedule; now: Date; confirm: () => Promise<void> }>

/** What became of a command: the keys after it, why it was refused, or what is wrong with the directory. */
export type Outcome = Readonly<{ keys: readonly ListedKey[] }> | Readonly<{ refusal: string }> | Faults

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

/**
 * Reads the keys, lets `act` change them and lists what is there then, all under the lock. `act` returns a refusal or
 * null. A step is one rename or one removal, in an order in which stopping after any of them leaves a key to sign.
 */
export const changeKeys = (place: Place, act: (change: Change) => Promise<string | null>): Promise<Outcome> =>
  catchFaults(async () => {
    const { directory, clock } = place
    const unfit = await prepareDirectory(directory)
    if (unfit !== null) return unfit
    if (await isReadOnly(directory)) {
      return { faults: [`KEYS_DIR is read-only: change the keys where ${directory} is mounted from`] }
    }
    const outcome = await withLock(directory, async confirm => {
      const now = clock()
      const schedule = await readSchedule(place, now)
      if ('faults' in schedule) return schedule
      await deleteLeftovers(directory)
      const refusal = await act({ schedule, now, confirm })
      return refusal === null ? listKeys(place) : { refusal }
    })
    return outcome ?? { faults: ['KEYS_DIR is locked by other processes that do not finish; try again'] }
  })

/** Without the means to sign. */
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

/** What of the keys an operator watches. */
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
