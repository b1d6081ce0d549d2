import { readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { withLock } from '../../src/signing/lock.ts'
import { makeDirectory } from './support.ts'

const locks = (directory: string) => readdirSync(directory).filter(name => name.startsWith('.lock-'))

/** What a process leaves that was killed while it held the lock. */
const leaveLock = (directory: string, age_seconds: number) => {
  const path = join(directory, '.lock-of-the-dead')
  writeFileSync(path, '')
  const then = new Date(Date.now() - age_seconds * 1000)
  utimesSync(path, then, then)
  return path
}

/** Counts how many are inside at once, with pauses at which another could slip in. */
const createRoom = () => {
  const room = { inside: 0, most: 0, visits: 0 }
  const visit = async () => {
    room.inside += 1
    room.visits += 1
    room.most = Math.max(room.most, room.inside)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
    room.inside -= 1
  }
  return { room, visit }
}

describe('the lock on the key directory', () => {
  it('admits one holder at a time', async () => {
    const directory = makeDirectory()
    const { room, visit } = createRoom()
    await Promise.all(Array.from({ length: 12 }, () => withLock(directory, visit)))
    expect(room).toEqual({ inside: 0, most: 1, visits: 12 })
    expect(locks(directory)).toEqual([])
  })

  it('is taken over from a dead process by one holder at a time', async () => {
    const directory = makeDirectory()
    leaveLock(directory, 11)
    const { room, visit } = createRoom()
    await Promise.all(Array.from({ length: 12 }, () => withLock(directory, visit)))
    expect(room).toEqual({ inside: 0, most: 1, visits: 12 })
    expect(locks(directory)).toEqual([])
  })

  it('is not taken over from a process that may be alive', async () => {
    const directory = makeDirectory()
    const held = leaveLock(directory, 5)
    let isInside = false
    const waiting = withLock(directory, async () => {
      isInside = true
    })
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(isInside).toBe(false)
    rmSync(held)
    await waiting
    expect(isInside).toBe(true)
  })

  it('makes its holder fail before a change once the lock is lost', async () => {
    const directory = makeDirectory()
    await expect(
      withLock(directory, async confirm => {
        await confirm()
        for (const name of locks(directory)) rmSync(join(directory, name))
        await confirm()
      }),
    ).rejects.toThrow('ENOENT')
  })

  it('is released when the work fails', async () => {
    const directory = makeDirectory()
    await expect(withLock(directory, () => Promise.reject(new Error('work')))).rejects.toThrow('work')
    expect(locks(directory)).toEqual([])
  })
})
