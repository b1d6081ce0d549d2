import type { Clock, Log } from '../ports/effects.ts'
import { rotateWhenDue } from './rotation.ts'

const HOUR_MILLISECONDS = 3_600_000

/** Rotates the keys of the directory when they are due: checks now and every hour. Returns a function that stops the checks. */
export const keepRotating = ({
  directory,
  every_seconds,
  clock,
  log,
}: {
  directory: string
  /** How long a key signs. */
  every_seconds: number
  clock: Clock
  log: Log
}): (() => void) => {
  let complaint = ''
  const look = async () => {
    const outcome = await rotateWhenDue({ directory, clock }, { every_seconds })
    const faults = 'faults' in outcome ? outcome.faults : []
    if (faults.length > 0 && faults.join() !== complaint)
      log.error({ faults }, 'signing keys: cannot be rotated')
    complaint = faults.join()
  }
  const guarded = () =>
    void look().catch((error: unknown) =>
      log.error({ error: String(error) }, 'signing keys: cannot be rotated'),
    )
  const timer = setInterval(guarded, HOUR_MILLISECONDS).unref()
  guarded()
  return () => clearInterval(timer)
}
