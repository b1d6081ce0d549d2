import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { StartFault } from '../../src/domain/base/start-fault.ts'
import { listKeys } from '../../src/signing/list-keys.ts'
import { localSecret, openDataDir } from '../../src/store/embedded/data-dir.ts'
import { faultsOf, putKey, T0 } from '../signing/support.ts'
import { createClock } from '../support/effects.ts'

/** Only root can give files to other users and act as them: what needs that is left out where the tests run as another user. */
const isRoot = process.geteuid?.() === 0

const STRANGER = 12_345

let parent: string
let path: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'signet-directory-'))
  path = join(parent, 'secrets')
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
})

const dataFaults = (data_dir: string): readonly string[] => {
  try {
    openDataDir(data_dir)
    return []
  } catch (error) {
    if (error instanceof StartFault) return error.lines
    throw error
  }
}

const doctorOf = async (environment: Record<string, string>, check: string): Promise<string> => {
  const out: string[] = []
  const io = { environment, out: (line: string) => out.push(line), err: () => {} }
  await runProgram(['doctor', '--json'], io, async () => {})
  const { findings } = JSON.parse(out.join(''))
  return findings.find((finding: { check: string }) => finding.check === check).fault
}

/** Both kinds of directory, by one judgement. */
const kinds = [
  {
    name: 'KEYS_DIR',
    open: faultsOf,
    check: 'keys',
    fill: (directory: string) => putKey(directory, 'own.pem'),
  },
  {
    name: 'DATA_DIR',
    open: async (directory: string) => dataFaults(directory),
    check: 'data',
    fill: (directory: string) => writeFileSync(join(directory, 'pepper'), 'x', { mode: 0o600 }),
  },
] as const

describe.each(kinds)('$name', ({ name, open, check, fill }) => {
  const refuses = async (expected: RegExp, directory = path) => {
    const before = existsSync(directory) ? readdirSync(directory) : null
    const elsewhere = join(parent, 'elsewhere')
    const places = { KEYS_DIR: elsewhere, DATA_DIR: elsewhere, [name]: directory }
    const found = await doctorOf(places, check)
    const faults = await open(directory)
    expect(faults).toEqual([expect.stringMatching(expected)])
    expect(faults[0]).toMatch(new RegExp(`^${name} ${directory} [^\n]+$`))
    expect(found).toBe(faults[0])
    expect(existsSync(directory) ? readdirSync(directory) : null).toEqual(before)
  }

  it('is taken when it is this user’s own and closed, empty, full or not there yet', async () => {
    expect(await open(join(path, 'below'))).toEqual([])
    fill(path)
    expect(await open(path)).toEqual([])
  })

  it('is refused when it is open to others and holds something', async () => {
    for (const mode of [0o702, 0o703, 0o707, 0o1777]) {
      rmSync(path, { recursive: true, force: true })
      mkdirSync(path)
      fill(path)
      chmodSync(path, mode)
      await refuses(/is open to other users \(mode [01]7\d\d\); run: chmod /)
    }
  })

  it('is refused below a directory that other users can write, also before it is made', async () => {
    chmodSync(parent, 0o707)
    await refuses(/is below \S+, which other users can write \(mode 0707\); run: chmod o-w \S+$/)
    mkdirSync(path, { mode: 0o700 })
    await refuses(/other users can write/)
    chmodSync(parent, 0o1777)
    expect(await open(path)).toEqual([])
  })

  it('is followed through links of this user, and judged where they lead', async () => {
    mkdirSync(join(parent, 'real'), { mode: 0o700 })
    symlinkSync('real/../real', path)
    expect(await open(path)).toEqual([])
    mkdirSync(join(parent, 'lax'))
    mkdirSync(join(parent, 'lax', 'real'), { mode: 0o700 })
    chmodSync(join(parent, 'lax'), 0o777)
    symlinkSync(join(parent, 'lax', 'real'), join(parent, 'link'))
    await refuses(/is below \S+\/lax, which other users can write/, join(parent, 'link'))
  })

  it('is refused in a line when its links lead in a circle', async () => {
    symlinkSync('secrets', path)
    expect(await open(path)).toEqual([expect.stringContaining('ELOOP')])
  })

  it.runIf(isRoot)(
    'is refused when it belongs to another user, empty or full, and gets no secret',
    async () => {
      mkdirSync(path, { mode: 0o700 })
      chownSync(path, STRANGER, STRANGER)
      await refuses(/belongs to uid 12345, neither root nor this process \(uid 0\)/)
      fill(path)
      await refuses(/belongs to uid 12345/)
    },
  )

  it.runIf(isRoot)(
    'is refused below a directory of another user, and behind a link of another user',
    async () => {
      mkdirSync(path, { mode: 0o700 })
      chmodSync(parent, 0o1777)
      symlinkSync('secrets', join(parent, 'link'))
      lchownSync(join(parent, 'link'), STRANGER, STRANGER)
      await refuses(/is reached by the link \S+\/link, which belongs to uid 12345/, join(parent, 'link'))
      expect(await open(path)).toEqual([])
      chmodSync(parent, 0o755)
      chownSync(parent, STRANGER, STRANGER)
      await refuses(/is reached by the directory \S+, which belongs to uid 12345/)
    },
  )
})

describe('what is in the directories', () => {
  it('refuses a key that is a link out of KEYS_DIR, but not one that stays inside', async () => {
    mkdirSync(join(path, '..data'), { recursive: true, mode: 0o700 })
    putKey(join(path, '..data'), 'a.pem')
    symlinkSync('..data/a.pem', join(path, 'a.pem'))
    expect(await faultsOf(path)).toEqual([])
    putKey(parent, 'outside.pem')
    symlinkSync('../outside.pem', join(path, 'b.pem'))
    expect(await faultsOf(path)).toEqual([
      expect.stringMatching(/b\.pem is a link that leads out of KEYS_DIR/),
    ])
  })

  it.runIf(isRoot)('refuses a key of another user, unless the group may write where it lies', async () => {
    mkdirSync(path, { mode: 0o700 })
    putKey(path, 'strange.pem')
    chownSync(join(path, 'strange.pem'), STRANGER, STRANGER)
    expect(await faultsOf(path)).toEqual([expect.stringMatching(/strange\.pem belongs to uid 12345/)])
    chmodSync(path, 0o770)
    expect(await faultsOf(path)).toHaveLength(1)
    chownSync(path, 0, STRANGER)
    expect(await faultsOf(path)).toEqual([])
  })

  it('refuses a generated secret that others can read, or that is a link', () => {
    const make = () => localSecret(path, 'pepper', () => 'secret')
    expect(make()).toBe('secret')
    chmodSync(join(path, 'pepper'), 0o604)
    expect(make).toThrow(/pepper is open to other users \(mode 0604\); run: chmod 600/)
    writeFileSync(join(parent, 'theirs'), 'theirs', { mode: 0o600 })
    symlinkSync('../theirs', join(path, 'link'))
    expect(() => localSecret(path, 'link', () => 'secret')).toThrow(/link is not a regular file/)
  })

  it.runIf(isRoot)('refuses a generated secret of another user', () => {
    localSecret(path, 'pepper', () => 'secret')
    chownSync(join(path, 'pepper'), STRANGER, STRANGER)
    expect(() => localSecret(path, 'pepper', () => 'new')).toThrow(/pepper belongs to uid 12345/)
  })

  it.runIf(isRoot)('refuses an embedded database that another user made', () => {
    mkdirSync(join(path, 'postgres'), { recursive: true, mode: 0o700 })
    chownSync(join(path, 'postgres'), STRANGER, STRANGER)
    expect(dataFaults(path)).toEqual([
      expect.stringMatching(/postgres belongs to uid 12345, and this process/),
    ])
  })

  it('is still listed as empty when there is no key yet', async () => {
    mkdirSync(path)
    chmodSync(path, 0o755)
    expect(await listKeys({ directory: path, clock: createClock(T0).clock })).toEqual({ keys: [] })
  })
})

describe.runIf(isRoot)('a process of another uid', () => {
  const SCRIPT = `
    import { openDataDir, localSecret } from './src/store/embedded/data-dir.ts'
    import { rotateKeys } from './src/signing/rotation.ts'
    const [, directory] = process.argv
    try {
      const keys = await rotateKeys({ directory: directory + '/keys', clock: () => new Date() }, { now: true })
      openDataDir(directory + '/data')
      console.log(JSON.stringify(['faults' in keys ? keys.faults : 'key', localSecret(directory + '/data', 'pepper', () => 'made')]))
    } catch (error) {
      console.log(JSON.stringify(error.lines ?? String(error)))
    }`
  const actAs = async (uid: number, gid: number) => {
    const words = ['--import', 'tsx', '--input-type=module', '-e', SCRIPT, parent]
    const { stdout } = await promisify(execFile)(process.execPath, words, { uid, gid })
    return JSON.parse(stdout)
  }

  it('in group 0 keeps keys and data in directories of root:0, mode 2770', async () => {
    chmodSync(parent, 0o755)
    for (const name of ['keys', 'data']) {
      mkdirSync(join(parent, name))
      chmodSync(join(parent, name), 0o2770)
    }
    expect(await actAs(STRANGER, 0)).toEqual(['key', 'made'])
    // The platform chose another uid: the keys are the group's, the secrets of DATA_DIR are not.
    expect(await actAs(STRANGER + 1, 0)).toEqual([
      expect.stringMatching(/pepper cannot be read or made: EACCES/),
    ])
    const [kept] = await faultsOf(join(parent, 'keys')).then(faults => [faults])
    expect(kept).toEqual([])
  })

  it('gets one sentence about what it cannot write', async () => {
    chmodSync(parent, 0o755)
    expect(await actAs(STRANGER, STRANGER)).toEqual([
      expect.stringMatching(/^DATA_DIR \S+ cannot be made: EACCES \(this process is uid 12345\)$/),
    ])
    for (const name of ['keys', 'data']) mkdirSync(join(parent, name), { mode: 0o700 })
    expect(await actAs(STRANGER, STRANGER)).toEqual([
      expect.stringMatching(/^DATA_DIR \S+ cannot be used: EACCES/),
    ])
    chmodSync(join(parent, 'data'), 0o2775)
    expect(await actAs(STRANGER, 0)).toEqual([expect.stringMatching(/^DATA_DIR \S+ is open to other users/)])
  })
})
