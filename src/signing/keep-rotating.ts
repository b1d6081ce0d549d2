import type { Clock, Log } from '../ports/effects.ts'
import type { ListedKey } from './list-keys.ts'
import { rotateWhenDue } from './rotation.ts'

const HOUR_MILLISECONDS = 3_600_000

/** Rotates the keys of the directory when they are due: checks now and every hour. Returns a function that stops the checks. */
export const keepRotating = ({
  directory,
  every_seconds,
  clock,
  log,
  onChange,
}: {
  directory: string
  /** How long a key signs. */
  every_seconds: number
  clock: Clock
  log: Log
  /** Called by the one instance that has changed the files. */
  onChange: (before: readonly ListedKey[], after: readonly ListedKey[]) => Promise<void>
}): (() => void) => {
  let complaint = ''
  const look = async () => {
    const outcome = await rotateWhenDue({ directory, clock }, { every_seconds })
    const faults = 'faults' in outcome ? outcome.faults : []
    if (faults.length > 0 && faults.join() !== complaint)
      log.error({ faults }, 'signing keys: cannot be rotated')
    complaint = faults.join()
    if ('changed' in outcome && outcome.changed)
      await onChange(outcome.before ?? [], outcome.after ?? []).catch((error: unknown) =>
        log.error({ error: String(error) }, 'signing keys: rotated, but the event could not be written'),
      )
  }
  const guarded = () =>
    void look().catch((error: unknown) =>
      log.error({ error: String(error) }, 'signing keys: cannot be rotated'),
    )
  const timer = setInterval(guarded, HOUR_MILLISECONDS).unref()
  guarded()
  return () => clearInterval(timer)
}
