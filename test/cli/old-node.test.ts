import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SIGNETD } from '../support/process.ts'
import { readSources } from '../support/repository/source.ts'

/** The entry, where Node says that it is of this version. */
const startUnder = (version: string) => {
  const preload = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const words = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, SIGNETD, '--version']
  return spawnSync(process.execPath, words, { encoding: 'utf8' })
}

describe('signetd under a Node that is too old', () => {
  it.each(['14.21.3', '18.20.8', '20.18.3'])('says in one line which is needed: %s', version => {
    expect(startUnder(version)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `signetd: this is Node.js ${version}, and Signet needs 20.19 or later: install a current one from https://nodejs.org\n`,
    })
  })

  it.each(['20.19.0', '22.12.0', '24.0.0'])('starts under %s', version => {
    expect(startUnder(version)).toMatchObject({ status: 0, stderr: '' })
  })

  it('needs what package.json says to npm', () => {
    expect(readFileSync('package.json', 'utf8')).toContain('"node": ">=20.19"')
  })

  it('is an entry that imports nothing before it has looked, also through npm start', () => {
    const entry = readSources('src/cli').find(({ path }) => path === 'src/cli/signetd.ts')
    expect(entry?.code).not.toMatch(/^\s*(?:import|export)\s[^(]/m)
    expect(entry?.code).not.toMatch(/\?\?=|\|\|=|&&=|#\w|\.at\(|\bstatic\b/)
    expect(readFileSync('package.json', 'utf8')).toContain('"start": "exec node dist/cli/signetd.js serve"')
  })
})
