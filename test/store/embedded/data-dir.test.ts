import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { localSecret, openDataDir } from '../../../src/store/embedded/data-dir.ts'

let parent: string
let data_dir: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'signet-data-dir-'))
  data_dir = join(parent, 'deep', 'data')
})
afterEach(() => rmSync(parent, { recursive: true, force: true }))

describe('DATA_DIR', () => {
  it('is created for this user alone', () => {
    openDataDir(data_dir)
    expect(statSync(data_dir).mode & 0o777).toBe(0o700)
    openDataDir(data_dir)
  })

  it('is refused and left unchanged when other users may enter it', () => {
    openDataDir(data_dir)
    writeFileSync(join(data_dir, 'somebody-elses'), '')
    chmodSync(data_dir, 0o750)
    expect(() => openDataDir(data_dir)).toThrow(/open to other users/)
    expect(statSync(data_dir).mode & 0o777).toBe(0o750)
  })

  it('is refused with one line when it cannot be created', () => {
    writeFileSync(join(parent, 'file'), '')
    expect(() => openDataDir(join(parent, 'file', 'data'))).toThrow(/cannot be made: ENOTDIR/)
  })
})

describe('a local secret', () => {
  it('is created once, for this user alone, and leaves no draft', () => {
    expect(localSecret(data_dir, 'pepper', () => 'first')).toBe('first')
    expect(localSecret(data_dir, 'pepper', () => 'second')).toBe('first')
    expect(statSync(join(data_dir, 'pepper')).mode & 0o777).toBe(0o600)
    expect(readdirSync(data_dir)).toEqual(['pepper'])
  })

  it('is the same for two processes that create it at once', () => {
    const secret = localSecret(
      data_dir,
      'pepper',
      () => localSecret(data_dir, 'pepper', () => 'theirs') && 'ours',
    )
    expect(secret).toBe('theirs')
  })

  it('is never taken from an empty file', () => {
    openDataDir(data_dir)
    writeFileSync(join(data_dir, 'pepper'), '\n')
    expect(() => localSecret(data_dir, 'pepper', () => 'new')).toThrow(/is empty/)
  })
})
