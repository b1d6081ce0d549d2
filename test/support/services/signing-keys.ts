import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { formatKeyDates } from '../../../src/domain/keys/key-dates.ts'
import { formatKeyName, startAtOnce } from '../../../src/domain/keys/key-ring.ts'

let taken = 0

/**
 * Puts the first key of an instance where it would put one itself: making an RSA key takes a tenth of a second of a core. The directories of
 * one test file have different keys, and those beyond the keys of the run stay empty.
 */
export const putFirstKey = (directory: string, now: Date): void => {
  if (existsSync(directory)) return
  const key = inject('signing_keys')[taken]
  if (key === undefined) return
  taken += 1
  const signs_from = startAtOnce(undefined, now)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeFileSync(
    join(directory, formatKeyName({ kid: key.kid, signs_from })),
    formatKeyDates({ signs_from, announced_at: now }) + key.pem,
    { mode: 0o600 },
  )
}
