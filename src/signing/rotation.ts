import { existsSync } from 'node:fs'
import {
  ANNOUNCE_SECONDS,
  isRotationDue,
  type KeyStatus,
  parseKeyName,
  plusSeconds,
  type RingKey,
  startAnnounced,
  startAtOnce,
} from '../domain/keys/key-ring.ts'
import { type Change, changeKeys, type Outcome } from './change-keys.ts'
import { catchFaults, type Faults } from './fault.ts'
import { isReadOnly, judgeKeysDirectory, prepareDirectory } from './key-directory.ts'
import { createKeyFile, deleteKeyFile, rescheduleKeyFile } from './key-file.ts'
import { type ListedKey, listed, type Place, readSchedule } from './list-keys.ts'

type Key = RingKey & KeyStatus

/** `now` does not wait until verifiers know the next key: verifiers must then fetch the JWKS again. */
type Pace = Readonly<{ now: boolean }>

/** Announces a new key. With `now`, or in an empty directory, the new key signs at once. Deletes dropped keys. */
export const rotateKeys = (place: Place, pace: Pace): Promise<Outcome> =>
  changeKeys(place, async change => {
    const waiting = change.schedule.find(key => key.state === 'announced')
    if (waiting !== undefined) {
      return `${waiting.kid} is announced already and signs from ${moment(waiting.signs_from)}; to have it sign now, retire the signing key`
    }
    await deleteDropped(place, change)
    await (pace.now ? createSigning(place, change) : announce(place, change))
    return null
  })

/** Makes the successor sign now. Tokens of the retired key stay valid: the key is published until they have expired. */
export const retireKey = (place: Place, { kid, now }: Pace & { kid: string }): Promise<Outcome> =>
  changeKeys(place, async change => {
    const key = change.schedule.find(one => one.kid === kid)
    if (key === undefined) return describeUnknown(kid)
    if (key.state !== 'signing') return `${kid} is ${key.state}: name the key that signs now`
    const refusal = now ? null : judgeSuccessor(change)
    if (refusal === null) await succeed(place, change)
    return refusal
  })

const describeUnknown = (kid: string) => `${kid} is unknown: signetd keys list prints the keys`

/** Takes a compromised key out of the JWKS and the directory. Every token that it signed is refused from then on. */
export const revokeKey = (place: Place, { kid, now }: Pace & { kid: string }): Promise<Outcome> =>
  changeKeys(place, async change => {
    const key = change.schedule.find(one => one.kid === kid)
    if (key === undefined) return describeUnknown(kid)
    if (!now) return describeRevocation(key, change)
    // The successor comes first: an interruption then leaves two keys, never none, and no older key signs again.
    if (key.state === 'signing') await succeed(place, change)
    await change.confirm()
    await deleteKeyFile(place.directory, key.file)
    return null
  })

/** Replaces all keys by a new one that signs at once: every earlier token is refused. */
export const revokeEveryKey = (place: Place, { now }: Pace): Promise<Outcome> =>
  changeKeys(place, async change => {
    const kids = change.schedule.map(({ kid }) => kid)
    if (!now)
      return `revoke ${kids.join(', ')} ends every token, and a new key signs at once; to do it, add --now`
    // The successor comes first, as in revokeKey. A second run after an interruption replaces all keys that it finds.
    await createSigning(place, change)
    for (const { file } of change.schedule) {
      await change.confirm()
      await deleteKeyFile(place.directory, file)
    }
    return null
  })

/**
 * Announces a new key when the newest has signed long enough, and deletes dropped keys. Every replica calls this function
 * regularly, and one of them does the work under the lock. Does nothing on a read-only directory.
 */
export const rotateWhenDue = (
  place: Place,
  { every_seconds }: { every_seconds: number },
): Promise<
  Readonly<{ changed: boolean; before?: readonly ListedKey[]; after?: readonly ListedKey[] }> | Faults
> =>
  catchFaults(async () => {
    const { directory, clock } = place
    if (await isReadOnly(directory)) return { changed: false }
    const isDue = ({ schedule, now }: Pick<Change, 'schedule' | 'now'>) =>
      isRotationDue(schedule, { now, every_seconds })
    const now = clock()
    const schedule = await readSchedule(place, now)
    if ('faults' in schedule) return schedule
    if (!isDue({ schedule, now }) && !schedule.some(isDeletable)) return { changed: false }
    let changed = false
    let before: readonly ListedKey[] = []
    const outcome = await changeKeys(place, async change => {
      before = change.schedule.map(listed)
      changed = isDue(change) || change.schedule.some(isDeletable)
      await deleteDropped(place, change)
      if (isDue(change)) await announce(place, change)
      return null
    })
    if ('faults' in outcome) return outcome
    return 'keys' in outcome ? { changed, before, after: outcome.keys } : { changed }
  })

/** The faults that would leave a start without a signing key; null without faults. Changes nothing. */
export const examineKeys = async (place: Place): Promise<Faults | null> => {
  const examined = await catchFaults(async () => {
    const unfit = judgeKeysDirectory(place.directory)
    // A missing directory is no fault: the first start makes the directory and the first key.
    if (unfit !== null || !existsSync(place.directory)) return unfit
    const schedule = await readSchedule(place, place.clock())
    return 'faults' in schedule ? schedule : judgeEmptiness(place, schedule)
  })
  return examined
}

const judgeEmptiness = async (
  { directory }: Place,
  { length }: readonly unknown[],
): Promise<Faults | null> =>
  length === 0 && (await isReadOnly(directory))
    ? {
        faults: [
          `KEYS_DIR is read-only and holds no key; make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out signing.pem`,
        ],
      }
    : null

/** Creates the first key of an empty directory; one of several replicas that start together does so. Faults if read-only and empty. */
export const ensureKey = async (place: Place): Promise<Faults | null> => {
  const { directory } = place
  const schedule = await catchFaults(async () => {
    return (await prepareDirectory(directory)) ?? readSchedule(place, place.clock())
  })
  if ('faults' in schedule) return schedule
  if (schedule.length > 0) return null
  const unable = await judgeEmptiness(place, schedule)
  if (unable !== null) return unable
  const outcome = await changeKeys(place, async change => {
    if (change.schedule.length === 0) await createSigning(place, change)
    return null
  })
  return 'faults' in outcome ? outcome : null
}

const announce = async (place: Place, change: Change): Promise<void> => {
  if (change.schedule.length === 0) return createSigning(place, change)
  await createKeyFile(place.directory, { ...change, signs_from: startAnnounced(change.now) })
}

const createSigning = async (place: Place, change: Change): Promise<void> => {
  const signs_from = startAtOnce(signingOf(change), change.now)
  await createKeyFile(place.directory, { ...change, signs_from })
}

const succeed = async (place: Place, change: Change): Promise<void> => {
  const successor = successorOf(change)
  if (successor === undefined) return createSigning(place, change)
  await change.confirm()
  await rescheduleKeyFile(place.directory, successor, startAtOnce(signingOf(change), change.now))
}

/** A file that the operator named is never deleted: it may be the only copy, or belong to another program. */
const isDeletable = (key: Key): boolean => key.state === 'dropped' && parseKeyName(key.file) !== null

const deleteDropped = async ({ directory }: Place, { schedule, confirm }: Change): Promise<void> => {
  for (const { file } of schedule.filter(isDeletable)) {
    await confirm()
    await deleteKeyFile(directory, file)
  }
}

const judgeSuccessor = (change: Change): string | null => {
  const successor = successorOf(change)
  if (successor === undefined) {
    return 'no key is announced; run keys rotate first, or retire with --now to make one that signs at once and that verifiers have to fetch'
  }
  const ready_at = plusSeconds(successor.announced_at ?? change.now, ANNOUNCE_SECONDS)
  return ready_at <= change.now
    ? null
    : `${successor.kid} is not known to all verifiers before ${moment(ready_at)}; wait, or retire with --now if they can fetch it`
}

const describeRevocation = (key: Key, change: Change): string => {
  const successor = successorOf(change)?.kid ?? 'a new key'
  const then = key.state === 'signing' ? `, and ${successor} signs at once` : ''
  return `revoke ${key.kid} (${key.state}) ends every token that it signed${then}; to do it, add --now`
}

const signingOf = ({ schedule }: Change): Key | undefined => schedule.find(key => key.state === 'signing')

const successorOf = ({ schedule }: Change): Key | undefined => schedule.find(key => key.state === 'announced')

const moment = (date: Date | null): string => date?.toISOString() ?? 'ever'
