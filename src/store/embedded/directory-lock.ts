import { linkSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join, relative } from 'node:path'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { StartFault } from '../../domain/base/start-fault.ts'

export type DirectoryLock = Readonly<{ release: () => Promise<void> }>

/** sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included. */
const SOCKET_PATH_BYTES = 103
const LOCK = /^lock\.(\d{1,15})$/

/**
 * Ours – Keeps a second process out of a directory. The lock is a socket that its holder listens on, so that the kernel knows whether the
 * holder lives, also after kill -9. Every holder takes the next number, by linking a socket that listens already; a lock that refuses
 * connections therefore has no holder and never will. Rejects with a StartFault while a living process holds the directory.
 */
export const holdDirectory = async (directory: string): Promise<DirectoryLock> => {
  const ticket = socketPath(join(directory, `ticket-${crypto.randomUUID().slice(0, 8)}`))
  const server = await listen(ticket)
  try {
    const number = await takeNumber(directory, ticket)
    for (const older of numbersIn(directory))
      if (older < number) rmSync(lockPath(directory, older), { force: true })
  } catch (error) {
    server.close()
    throw error
  } finally {
    rmSync(ticket, { force: true })
  }
  // The last number stays: if it were removed, a slow process could take it a second time.
  return { release: () => new Promise(resolve => server.close(() => resolve())) }
}

const takeNumber = async (directory: string, ticket: string): Promise<number> => {
  for (;;) {
    const latest = latestIn(directory)
    if (await isTaken(directory, latest)) {
      throw new StartFault([
        `DATA_DIR ${directory} is in use by another process: stop it first, or choose another DATA_DIR`,
      ])
    }
    const number = latest + 1
    if (!linkIfFree(ticket, lockPath(directory, number))) continue
    // The number may have been free only because a later holder had removed it; then it is not the latest.
    if (Math.max(...numbersIn(directory)) === number) return number
    rmSync(lockPath(directory, number), { force: true })
  }
}

/** True while a living process holds the directory. */
export const isHeld = (directory: string): Promise<boolean> => isTaken(directory, latestIn(directory))

const isTaken = async (directory: string, number: number): Promise<boolean> =>
  number > 0 && (await isAlive(lockPath(directory, number)))

const latestIn = (directory: string) => Math.max(0, ...numbersIn(directory))

const lockPath = (directory: string, number: number) => join(directory, `lock.${number}`)

const numbersIn = (directory: string): readonly number[] =>
  readdirSync(directory).flatMap(name => {
    const number = LOCK.exec(name)?.[1]
    return number === undefined ? [] : [Number(number)]
  })

const linkIfFree = (existing: string, path: string): boolean => {
  try {
    linkSync(existing, path)
    return true
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') return false
    throw error
  }
}

const listen = (path: string): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer(visitor => visitor.destroy())
    server.once('error', reject)
    server.listen(path, () => resolve(server.unref()))
  })

/** True unless a refusal, or a missing lock, proves that no process listens. */
const isAlive = (path: string): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(socketPath(path))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', error => resolve(!['ECONNREFUSED', 'ENOENT'].includes(errorCodeOf(error) ?? '')))
  })

/** The shorter of the absolute path and the path relative to the working directory, because the kernel's limit is short. */
export const socketPath = (path: string): string => {
  const fromHere = relative('', path)
  const shorter = fromHere.length < path.length ? fromHere : path
  if (Buffer.byteLength(shorter) > SOCKET_PATH_BYTES) {
    throw new StartFault([
      `DATA_DIR is too long a path for a Unix socket (${path}): choose one of at most ${SOCKET_PATH_BYTES - 24} bytes`,
    ])
  }
  return shorter
}
