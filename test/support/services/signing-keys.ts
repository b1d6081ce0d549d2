import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { formatKeyDates } from '../../../src/domain/keys/key-dates.ts'
import { formatKeyName, startAtOnce } from '../../../src/domain/keys/key-ring.ts'

type Keys = ReturnType<typeof inject<'signing_keys'>>

/** The keys that the test file was given, and how many of them it has taken. A process runs many files, and each is given a list anew. */
let given: Keys | undefined
let taken = 0

const takeKey = (): Keys[number] | undefined => {
  const keys = inject('signing_keys')
  if (keys !== given) [given, taken] = [keys, 0]
  const key = keys[taken]
  taken += 1
  return key
}

/**
 * Puts the first key of an instance where it would put one itself: making an RSA key takes a tenth of a second of a core. The directories of
 * one test file have different keys, and those beyond the keys of the run stay empty.
 */
export const putFirstKey = (directory: string, now: Date): void => {
  if (existsSync(directory)) return
  const key = takeKey()
  if (key === undefined) return
  const signs_from = startAtOnce(undefined, now)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeFileSync(
    join(directory, formatKeyName({ kid: key.kid, signs_from })),
    formatKeyDates({ signs_from, announced_at: now }) + key.pem,
    { mode: 0o600 },
  )
}
