import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holdDirectory, socketPath } from '../../../src/store/embedded/directory-lock.ts'
import { type Embedded, openEmbedded } from '../../../src/store/embedded/embedded.ts'
import { createDataDir } from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'

describe('the embedded database', () => {
  let data: Awaited<ReturnType<typeof createDataDir>>
  beforeEach(async () => {
    data = await createDataDir()
  })
  afterEach(() => data.remove())

  const using = async (use: (database: Database, embedded: Embedded) => Promise<unknown>) => {
    const embedded = await openEmbedded(data)
    const database = openDatabase(embedded)
    try {
      await use(database, embedded)
    } finally {
      await database.close()
      await embedded.close()
    }
  }

  it('never mixes up answers, in pipelines, in transactions and on reserved connections', async () => {
    await using(async ({ sql, run }) => {
      const plain = async (number: number) => (await run(sql => sql`select ${number}::int as number`))[0]
      const inTransaction = (number: number) =>
        sql.begin(async sql => {
          await sql`insert into revocations (kind, value, expires_at) values ('sid', ${`${number}`}, now())`
          return (await sql`select value::int as number from revocations where value = ${`${number}`}`)[0]
        })
      const reserved = async (number: number) => {
        const own = await sql.reserve()
        try {
          return (await own`select ${number}::int as number`)[0]
        } finally {
          own.release()
        }
      }
      const failing = async (number: number) => {
        await expect(run(sql => sql`select ${number}::int / 0`)).rejects.toMatchObject({ code: '22012' })
        return { number }
      }
      const ways = [plain, inTransaction, plain, reserved, failing]
      // The driver loses a reservation that is the first request on a connection.
      await plain(0)
      const numbers = Array.from({ length: 350 }, (_, number) => number)
      const answers = await Promise.all(
        numbers.map(async number => (ways[number % ways.length] ?? plain)(number)),
      )
      expect(answers).toEqual(numbers.map(number => ({ number })))
    })
  })

  it('keeps its rows when it is closed and opened again', async () => {
    await using(({ run }) =>
      run(sql => sql`insert into revocations (kind, value, expires_at) values ('jti', 'kept', now())`),
    )
    await using(async ({ run }) => {
      expect(await run(sql => sql`select value from revocations`)).toEqual([{ value: 'kept' }])
    })
  })

  it('refuses a second process, and starts at once with every row after kill -9', async () => {
    const child = await startChild(data.data_dir)
    expect(child.said).toBe('written\n')
    await expect(openEmbedded(data)).rejects.toThrow(/DATA_DIR .* is in use by another process/)
    child.process.kill('SIGKILL')
    await once(child.process, 'exit')
    await using(async ({ run }) => {
      expect(await run(sql => sql`select count(*)::int as rows from revocations`)).toEqual([{ rows: 100 }])
    })
  })

  it('starts again after a first start that was killed halfway', async () => {
    rmSync(join(data.data_dir, 'postgres'), { recursive: true })
    mkdirSync(join(data.data_dir, 'postgres.draft', 'base'), { recursive: true })
    await using(async ({ run }) => {
      expect(await run(sql => sql`select count(*)::int as rows from users`)).toEqual([{ rows: 0 }])
    })
    expect(existsSync(join(data.data_dir, 'postgres.draft'))).toBe(false)
  })

  it.runIf(existsSync('/proc/self/status'))(
    'frees the memory of its first start',
    async () => {
      rmSync(join(data.data_dir, 'postgres'), { recursive: true })
      const child = await startChild(data.data_dir)
      const status = readFileSync(`/proc/${child.process.pid}/status`, 'utf8')
      const megabytesOf = (name: string) =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024
      child.process.kill('SIGKILL')
      await once(child.process, 'exit')
      expect(megabytesOf('VmHWM')).toBeGreaterThan(megabytesOf('VmRSS') + 200)
      expect(megabytesOf('VmRSS')).toBeLessThan(500)
    },
    120_000,
  )

  it('releases the directory when it cannot start', async () => {
    rmSync(join(data.data_dir, 'postgres'), { recursive: true })
    writeFileSync(join(data.data_dir, 'postgres'), 'not a database')
    await expect(openEmbedded(data)).rejects.toThrow(
      /^the embedded database in DATA_DIR .* cannot be opened: /,
    )
    const lock = await holdDirectory(data.data_dir)
    await lock.release()
  })
})

const startChild = async (data_dir: string) => {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/support/services/embedded-child.ts', data_dir],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [said] = await once(child.stdout, 'data')
  return { process: child, said: String(said) }
}

describe('the lock of a directory', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'signet-lock-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('is held by one of many that ask at once, repeatedly', async () => {
    for (let round = 0; round < 20; round++) {
      const asked = await Promise.allSettled(Array.from({ length: 20 }, () => holdDirectory(directory)))
      const held = asked.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
      expect(held).toHaveLength(1)
      await held[0]?.release()
    }
  })

  it('is a socket that no other user may use', async () => {
    const lock = await holdDirectory(directory)
    expect(statSync(join(directory, 'lock.1')).isSocket()).toBe(true)
    await lock.release()
  })
})

describe('the path of a Unix socket', () => {
  it('is the shorter of the absolute and the relative path', () => {
    expect(socketPath(join(process.cwd(), 'data', 'lock'))).toBe('data/lock')
    expect(socketPath('/lock')).toBe('/lock')
  })

  it('is refused with one line from 104 bytes on', () => {
    expect(socketPath(`/${'a'.repeat(102)}`)).toHaveLength(103)
    expect(() => socketPath(`/${'a'.repeat(103)}`)).toThrow(/too long a path/)
    expect(() => socketPath(`/${'ä'.repeat(60)}`)).toThrow(/too long a path/)
  })
})
