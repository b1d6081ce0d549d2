import { execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres, { type Sql } from 'postgres'
import { describe, expect } from 'vitest'
import { errorCodeOf } from '../../src/domain/base/error-code.ts'
import { itSurvives, lasting } from '../support/faults/fault.ts'
import { reportFault } from '../support/faults/report.ts'
import { POOL_SIZE, type Stage } from '../support/faults/stage.ts'
import { postgresOwner } from '../support/services/services.ts'

const REQUESTS = 30
/** Shorter than statement_timeout, so that those who wait for the row are answered too. */
const LOCKED_SECONDS = 2

describe('Postgres', () => {
  itSurvives('every connection is taken for five seconds', async ({ database, url }) => {
    const admin = await database.sql.reserve()
    const taken: Sql[] = []
    const take = async () => {
      const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: 'thief' } })
      taken.push(sql)
      await sql`select 1`
    }
    const isFull = () =>
      take().then(
        () => false,
        error => errorCodeOf(error) === '53300',
      )
    await expect.poll(isFull, { interval: 1, timeout: 20_000 }).toBe(true)
    await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'signetd'`
    // The places of those that were ended are taken too.
    for (let turn = 0; turn < 2 * POOL_SIZE; turn++) await isFull()
    await lasting(5)
    await Promise.all(taken.map(sql => sql.end({ timeout: 1 })))
    admin.release()
  })

  itSurvives(
    `${REQUESTS} requests for one locked sign-in at each instance`,
    async ({ database, instances, seed }, history) => {
      const family = await seed()
      const rate = async () => {
        const before = history.acknowledged()
        await lasting(LOCKED_SECONDS)
        return (history.acknowledged() - before) / LOCKED_SECONDS
      }
      const free = await rate()
      const holder = await database.sql.reserve()
      await holder`begin`
      await holder`select from refresh_families where id = ${family.id} for no key update`
      const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: family.refresh_token }
      const asked = instances.flatMap(({ ask }) =>
        Array.from({ length: REQUESTS }, () =>
          ask('/token', { form, headers: { 'Idempotency-Key': 'one' } }),
        ),
      )
      const locked = await rate()
      await holder`commit`
      holder.release()
      const statuses = (await Promise.all(asked)).map(({ status }) => status)
      reportFault(`       | beside a locked sign-in: ${locked} answers a second, ${free} before`)
      expect(statuses.filter(status => status !== 200 && status !== 503)).toEqual([])
    },
  )
})

if (!canMount()) reportFault('LEFT OUT | the disk is full | this user may not mount a small file system')

describe.skipIf(!canMount())('the disk', () => {
  itSurvives('the disk of the sign-ins and revocations is full for five seconds', async ({ database }) => {
    const disk = mountSmallDisk()
    try {
      await database.sql.unsafe(`create tablespace small location '${disk.directory}'`)
      await database.sql`alter table refresh_families set tablespace small`
      await database.sql`alter table revocations set tablespace small`
      await database.sql`create table filler (text text) tablespace small`
      await fill(database)
      await lasting(5)
      await database.sql`drop table filler`
      await database.sql`alter table refresh_families set tablespace pg_default`
      await database.sql`alter table revocations set tablespace pg_default`
      await database.sql`drop tablespace small`
    } finally {
      disk.remove()
    }
  })
})

/** Writes until Postgres says that the disk is full, in smaller and smaller pieces, so that no page is left. */
const fill = async ({ sql }: Stage['database']) => {
  for (const rows of [4096, 512, 64, 8, 1]) {
    const write = () =>
      sql`insert into filler select repeat(md5(random()::text), 60) from generate_series(1, ${rows}::int)`.then(
        () => null,
        errorCodeOf,
      )
    await expect.poll(write, { interval: 1, timeout: 30_000 }).toBe('53100')
  }
}

const DISK = '24m'

/** A file system in memory that Postgres may write to. */
const mountSmallDisk = () => {
  const parent = mkdtempSync(join(tmpdir(), 'signet-small-disk-'))
  const owner = postgresOwner()
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'none', parent])
  if (owner) chownSync(parent, owner.uid, owner.gid)
  return {
    directory: parent,
    remove: () => {
      execFileSync('umount', ['-l', parent])
      rmSync(parent, { recursive: true, force: true })
    },
  }
}

/** Only root may mount, and not in every container. */
function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'signet-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', directory], { stdio: 'ignore' })
    execFileSync('umount', [directory])
    return true
  } catch {
    return false
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
