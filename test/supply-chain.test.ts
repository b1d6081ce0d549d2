import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyBuild } from './support/repository/project.ts'

type Entry = Readonly<{ version?: string; license?: string; dev?: boolean }>

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Readonly<Record<string, Entry>>
}
const installed = Object.entries(packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ name: path.split('node_modules/').at(-1) ?? '', ...entry }))

/** Ask for nothing but their own text: what is shipped may hold these alone. */
const PERMISSIVE = [
  'MIT',
  'MIT-0',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'Unlicense',
  '(MIT OR Apache-2.0)',
]

/** Licences of development tools, which are not distributed. */
const TOOLS = [
  ...PERMISSIVE,
  'MIT OR Apache-2.0',
  'BlueOak-1.0.0',
  '(MIT AND Zlib)',
  'MPL-2.0',
  'CC0-1.0',
  // caniuse-lite and sharp, which come with Next.js.
  'CC-BY-4.0',
  'LGPL-3.0-or-later',
  'Apache-2.0 AND LGPL-3.0-or-later',
  'Apache-2.0 AND LGPL-3.0-or-later AND MIT',
]

/** Whose package.json does not say, and whose licence file does. */
const BY_HAND: Readonly<Record<string, string>> = {
  limiter: 'MIT',
  'passport-strategy': 'MIT',
  pause: 'MIT',
}

describe('the licences of all dependencies', () => {
  const outside = (allowed: readonly string[], isTool: boolean) =>
    installed
      .filter(({ dev = false }) => dev === isTool)
      .map(({ name, license }) => `${name}: ${license ?? BY_HAND[name] ?? 'none'}`)
      .filter(line => !allowed.includes(line.slice(line.indexOf(': ') + 2)))

  it('are permissive where they are shipped', () => {
    expect(outside(PERMISSIVE, false)).toEqual([])
  })
  it('are open where they are tools', () => {
    expect(outside(TOOLS, true)).toEqual([])
  })
})

describe('the bill of materials', () => {
  it('names every package, and tells what is shipped from what is a tool', () => {
    const output = execFileSync('npm', ['run', '--silent', 'sbom'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const { bomFormat, components } = JSON.parse(output) as {
      bomFormat: string
      components: readonly Readonly<{ purl: string; properties: readonly Readonly<{ name: string }>[] }>[]
    }
    expect(bomFormat).toBe('CycloneDX')
    const shipped = components
      .filter(({ properties }) => !properties.some(({ name }) => name === 'cdx:npm:package:development'))
      .map(({ purl }) => decodeURIComponent(purl.split('?')[0] ?? ''))
    const expected = installed
      .filter(({ dev }) => dev !== true)
      .map(({ name, version }) => `pkg:npm/${name}@${version}`)
    expect(shipped.length).toBeGreaterThan(30)
    expect(shipped.filter(purl => !expected.includes(purl))).toEqual([])
    // Those for other platforms are in the lock file, and may be left out here.
    const missing = expected.filter(purl => !shipped.includes(purl))
    expect(missing.filter(purl => !/-(?:android|darwin|freebsd|linux|openharmony|win32)/.test(purl))).toEqual(
      [],
    )
  })
})

describe('npm pack', { timeout: 120_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-pack-'))
  type Packed = Readonly<{
    shasum: string
    unpackedSize: number
    files: readonly Readonly<{ path: string }>[]
  }>
  let packs: readonly Packed[]

  /** Packs a build of this run in a directory of its own, so that nothing that is left from an older build gets in. */
  const pack = async (name: 'first' | 'second'): Promise<Packed> => {
    const place = join(directory, name)
    for (const file of [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'openapi.yaml',
      'drizzle',
      'templates',
    ])
      cpSync(file, join(place, file), { recursive: true })
    await copyBuild(name, join(place, 'dist'))
    const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts'], {
      cwd: place,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [packed] = JSON.parse(output) as readonly [Packed]
    return packed
  }
  beforeAll(async () => {
    packs = [await pack('first'), await pack('second')]
  }, 120_000)
  afterAll(() => rmSync(directory, { recursive: true }))

  it('gives the same bytes from two builds', () => {
    expect(packs.map(({ shasum }) => shasum)).toEqual([packs[0]?.shasum, packs[0]?.shasum])
  })

  it('holds what is needed to run, and nothing else', () => {
    const paths = packs[0]?.files.map(({ path }) => path) ?? []
    const allowed =
      /^(?:dist\/[\w./-]+\.(?:js|mjs|d\.ts|d\.mts|json)|dist\/http\/public\/swagger-ui\/(?:[\w-]+\.css|NOTICE|[\w.-]*LICENSE(?:\.txt)?)|drizzle\/(?:meta|rollback)?\/?[\w-]+\.(?:sql|json)|templates\/mail\/(?:en|de)\/[a-z-]+\.txt|templates\/pages\/(?:(?:en|de)\/[a-z-]+\.json|LICENSE|script\.js|style\.css|console\.(?:css|js))|openapi\.yaml|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/
    expect(paths.filter(path => !allowed.test(path))).toEqual([])
    for (const path of [
      'dist/main.js',
      'dist/cli/signetd.js',
      'dist/platform/password-worker.mjs',
      'openapi.yaml',
    ])
      expect(paths).toContain(path)
    expect(paths).toContain('drizzle/rollback/0000_core.sql')
    expect(paths).toContain('templates/mail/de/reset-password.txt')
    // 1.9 MB of it are Swagger UI.
    expect(packs[0]?.unpackedSize).toBeLessThan(5_000_000)
  })
})
