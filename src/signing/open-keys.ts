import { Unavailable } from '../domain/base/unavailable.ts'
import type { Clock, Log } from '../ports/effects.ts'
import type { Keys } from '../ports/keys.ts'
import { catchFaults, type Faults } from './fault.ts'
import { signDetachedJws, signJws, verifyJws } from './jws.ts'
import { fingerprintDirectory, isReadOnly, type LoadedKey, loadKeys } from './key-directory.ts'
import { type ListedKey, listed } from './list-keys.ts'
import { createRing } from './ring.ts'
import { ensureKey } from './rotation.ts'

type Needs = Readonly<{
  directory: string
  clock: Clock
  log: Log
  /** The pause between two polls of the directory. Default 1000. */
  poll_milliseconds?: number
}>

export type OpenKeys = Keys &
  Readonly<{
    /** True where rotation is up to the operator. */
    isReadOnly: boolean
    /** Every loaded key with its state, for metrics and the command line. */
    schedule(): readonly ListedKey[]
    /** Polls the directory now. Never rejects: faults are logged, and the last good keys stay. */
    reload(): Promise<void>
    close(): Promise<void>
  }>

/** Opens the signing keys of a directory, creates the first one and follows every change. Faults are for the operator, one line each. */
export const openKeys = async (needs: Needs): Promise<OpenKeys | Faults> => {
  const { directory, clock } = needs
  const missing = await ensureKey(needs)
  if (missing !== null) return missing
  const loaded = await catchFaults(() => loadKeys(directory))
  if (loaded.faults.length > 0 || !('keys' in loaded)) return { faults: loaded.faults }
  const ring = createRing(clock)
  ring.replace(loaded.keys.map(({ key }) => key))
  const isMounted = await isReadOnly(directory)
  const undated = ring.view().signing?.signs_from === null
  if (isMounted && undated)
    needs.log.warn(
      { file: ring.view().signing?.file },
      'signing keys: the file does not say from when its key signs (Signs-From): when the next one is due cannot be told',
    )
  return {
    isReadOnly: isMounted,
    sign: async (typ, claims) => {
      const { signing } = ring.view()
      if (signing === undefined) throw new Unavailable('signing_key', 1)
      return signJws(signing, typ, claims)
    },
    signDetached: async (typ, signed) => {
      const { signing } = ring.view()
      if (signing === undefined) throw new Unavailable('signing_key', 1)
      return signDetachedJws(signing, { typ, ...signed })
    },
    verify: (typ, jws) => verifyJws(ring.view(), typ, jws),
    published: () => ring.view().published,
    schedule: () => ring.view().schedule.map(listed),
    ...follow(needs, loaded, keys => ring.replace(keys.map(({ key }) => key))),
  }
}

type Seen = Readonly<{ keys: readonly LoadedKey[]; fingerprint: string }>

/** Polls the directory, because file events do not come through every mount. */
const follow = (
  { directory, clock, log, poll_milliseconds = 1000 }: Needs,
  first: Seen,
  take: (keys: readonly LoadedKey[]) => void,
): Pick<OpenKeys, 'reload' | 'close'> => {
  let seen = first
  let complaint = ''
  const complain = (faults: readonly string[]) => {
    const text = faults.join('; ')
    if (text !== '' && text !== complaint) log.error({ faults }, 'signing keys: what is wrong is left out')
    complaint = text
  }
  const look = async () => {
    try {
      if ((await fingerprintDirectory(directory)) === seen.fingerprint) return complain([])
      const loaded = await loadKeys(directory, { previous: seen.keys, now: clock() })
      if (!('keys' in loaded)) return complain(loaded.faults)
      if (loaded.keys.length === 0)
        return complain(['KEYS_DIR holds no usable key any more', ...loaded.faults])
      complain(loaded.faults)
      seen = loaded
      take(loaded.keys)
      log.info({ kids: loaded.keys.map(({ key }) => key.kid) }, 'signing keys: taken up')
    } catch (error) {
      complain([`KEYS_DIR: ${String(error)}`])
    }
  }
  let last = Promise.resolve()
  let timer: NodeJS.Timeout
  let isClosed = false
  // One poll at a time: an older listing must not replace a newer one.
  const reload = () => (last = last.then(look))
  const schedule = () => {
    if (isClosed) return
    timer = setTimeout(() => void reload().then(schedule), poll_milliseconds).unref()
  }
  schedule()
  return {
    reload,
    close: async () => {
      isClosed = true
      clearTimeout(timer)
      await last
    },
  }
}
