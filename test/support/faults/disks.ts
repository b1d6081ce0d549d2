import { execFileSync } from 'node:child_process'
import { chownSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorCodeOf } from '../../../src/domain/base/error-code.ts'
import { postgresOwner } from '../services/services.ts'

/** A file system of its own, to which Postgres may write. `remove` unmounts it, also when this process ends early. */
type Disk = Readonly<{ directory: string; remove: () => void }>

/** A disk that other programs fill: from `fill` until the returned function is called, there is never a page left. */
export type SmallDisk = Disk & Readonly<{ fill: () => () => void }>

/** A disk that can be frozen: each write and each fsync waits until it is thawed. */
export type FreezableDisk = Disk & Readonly<{ freeze: () => void; thaw: () => void }>

const FILL_AGAIN_MILLISECONDS = 20
const PIECES = [1 << 20, 1 << 16, 1 << 12].map(bytes => Buffer.alloc(bytes, 'x'))

/** A file system in memory. `size` as mount takes it, such as 64m. */
export const openSmallDisk = (size: string): SmallDisk => {
  const directory = makePlace()
  run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'none', directory)
  const disk = mounted(directory)
  return {
    ...disk,
    fill: () => {
      const path = join(directory, 'filler')
      const file = openSync(path, 'w')
      const fillUp = () => {
        for (const piece of PIECES) while (hasWritten(file, piece));
      }
      fillUp()
      const again = setInterval(fillUp, FILL_AGAIN_MILLISECONDS)
      return () => {
        clearInterval(again)
        closeSync(file)
        rmSync(path, { force: true })
      }
    },
  }
}

const hasWritten = (file: number, piece: Uint8Array): boolean => {
  try {
    writeSync(file, piece)
    return true
  } catch (error) {
    if (errorCodeOf(error) === 'ENOSPC') return false
    throw error
  }
}

/** A file system in a file, since one in memory cannot be frozen. */
export const openFreezableDisk = (size: string): FreezableDisk => {
  const directory = makePlace()
  const image = `${directory}.image`
  try {
    run('truncate', '-s', size, image)
    run('mkfs.ext4', '-q', '-m', '0', image)
    run('mount', '-o', 'loop', image, directory)
  } catch (error) {
    rmSync(image, { force: true })
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
  const disk = mounted(directory)
  let isFrozen = false
  const freeze = () => {
    run('fsfreeze', '-f', directory)
    isFrozen = true
    process.once('exit', thaw)
  }
  const thaw = () => {
    if (isFrozen) run('fsfreeze', '-u', directory)
    isFrozen = false
    process.off('exit', thaw)
  }
  return {
    ...disk,
    freeze,
    thaw,
    remove: () => {
      thaw()
      disk.remove()
      rmSync(image, { force: true })
    },
  }
}

const makePlace = () => mkdtempSync(join(tmpdir(), 'signet-disk-'))

const mounted = (directory: string): Disk => {
  const owner = postgresOwner()
  if (owner) chownSync(directory, owner.uid, owner.gid)
  const remove = () => {
    process.off('exit', remove)
    run('umount', '-l', directory)
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', remove)
  return { directory, remove }
}

/** The programs of administrators are not in every user's PATH. */
const run = (program: string, ...words: readonly string[]) =>
  execFileSync(program, words, {
    stdio: 'ignore',
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  })

/** Only root may mount, and not in every container. */
export const canFillDisks = (): boolean => canOpen(() => openSmallDisk('64k').remove())

export const canFreezeDisks = (): boolean =>
  canOpen(() => {
    const disk = openFreezableDisk('4M')
    try {
      disk.freeze()
    } finally {
      disk.remove()
    }
  })

const canOpen = (tryOut: () => void): boolean => {
  try {
    tryOut()
    return true
  } catch {
    return false
  }
}
