import { catchFaults, type Faults } from './fault.ts'
import { isReadOnly, prepareDirectory } from './key-directory.ts'
import { deleteLeftovers } from './key-file.ts'
import { type ListedKey, listKeys, type Place, readSchedule, type Schedule } from './list-keys.ts'
import { withLock } from './lock.ts'

/** The state at the moment of a change: the keys on the disk, the time, and the lock that is confirmed before each step. */
export type Change = Readonly<{ schedule: Schedule; now: Date; confirm: () => Promise<void> }>

/** The result of a command: the keys after the change, the reason for a refusal, or the faults of the directory. */
export type Outcome = Readonly<{ keys: readonly ListedKey[] }> | Readonly<{ refusal: string }> | Faults

/**
 * Reads the keys, lets `act` change them and lists the result, all under the lock. `act` returns a refusal or null. Each step of
 * `act` is one rename or one removal, and an interruption after any step leaves a key that signs.
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
