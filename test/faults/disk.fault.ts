import { describe, expect } from 'vitest'
import {
  canFillDisks,
  canFreezeDisks,
  type FreezableDisk,
  openFreezableDisk,
  openSmallDisk,
  type SmallDisk,
} from '../support/faults/disks.ts'
import { itSurvivesOn, lasting, lastingUnanswered } from '../support/faults/fault.ts'
import { reportFault } from '../support/faults/report.ts'
import { type SupervisedPostgres, startSupervisedPostgres } from '../support/faults/supervised-postgres.ts'

/** How long the disk stays as it is once Postgres has met the fault. Frozen: longer than a caller waits for an answer. */
const FULL_SECONDS = 5
const FROZEN_SECONDS = 7
/** A piece of WAL of another application. */
const MESSAGE_BYTES = 300_000

const mayFill = canFillDisks()
const mayFreeze = canFreezeDisks()
if (!mayFill) reportFault('left_out', 'the disk is full', 'this user may not mount a file system in memory')
if (!mayFreeze)
  reportFault('left_out', 'the disk is frozen', 'this user may not mount a file system and freeze it')

type OnDisk<D> = SupervisedPostgres & Readonly<{ disk: D }>

/** A Postgres whose data, or WAL alone, are on the disk. */
const startOn =
  <D extends SmallDisk | FreezableDisk>(open: () => D, part: 'data' | 'wal') =>
  async (): Promise<OnDisk<D>> => {
    const disk = open()
    try {
      const server = await startSupervisedPostgres({ [part]: disk.directory })
      const stop = async () => {
        if ('thaw' in disk) disk.thaw()
        await server.stop()
        disk.remove()
      }
      return { ...server, disk, stop }
    } catch (error) {
      disk.remove()
      throw error
    }
  }

describe.skipIf(!mayFill)('a full disk', () => {
  itSurvivesOn(
    startOn(() => openSmallDisk('160m'), 'data'),
    'the disk of the tables is full: Postgres refuses what needs a new page, for five seconds from then on',
    async (_stage, history, { disk, log }) => {
      const before = history.counts().unanswered
      const makeRoom = disk.fill()
      await expect.poll(log, { timeout: 60_000 }).toMatch(/ERROR: .*No space left on device/)
      await expect.poll(() => history.counts().unanswered, { timeout: 60_000 }).toBeGreaterThan(before)
      await lasting(FULL_SECONDS)
      makeRoom()
    },
  )

  itSurvivesOn(
    startOn(() => openSmallDisk('64m'), 'wal'),
    'the disk of the WAL is full: Postgres panics in the middle of commits, and cannot go on for five seconds',
    async ({ database }, _history, { disk, log }) => {
      const makeRoom = disk.fill()
      const hasPanicked = async () => {
        await database.sql`select pg_logical_emit_message(false, 'other', repeat('x', ${MESSAGE_BYTES}::int))`.catch(
          () => null,
        )
        return log()
      }
      await expect.poll(hasPanicked, { timeout: 60_000 }).toMatch(/PANIC: .*No space left on device/)
      await lasting(FULL_SECONDS)
      makeRoom()
    },
  )
})

describe.skipIf(!mayFreeze)('a frozen disk', () => {
  itSurvivesOn(
    startOn(() => openFreezableDisk('256M'), 'data'),
    'the disk of Postgres is frozen for seven seconds: commits hang in their fsync',
    async (_stage, history, { disk }) => {
      disk.freeze()
      await lasting(1)
      await lastingUnanswered(history, FROZEN_SECONDS - 1)
      disk.thaw()
    },
  )
})
