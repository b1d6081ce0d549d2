import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readSources, type SourceFile } from './support/source.ts'

/** The rules of the house that a machine can check. A rule is a list of those who break it. */

const src = readSources('src')
const everything = [...src, ...readSources('test'), ...readSources('bench')]

const breakers = (files: readonly SourceFile[], breaks: (file: SourceFile) => unknown) =>
  files.filter(breaks).map(file => file.path)

/** What each part of src may import beside itself. Nothing calls up, and adapters do not know each other. */
const CORE = ['domain', 'ports']
const ADAPTERS = ['store', 'ephemeral', 'signing', 'platform']
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  ports: ['domain'],
  files: [],
  store: [...CORE, 'files'],
  ephemeral: CORE,
  signing: [...CORE, 'files'],
  platform: CORE,
  settings: CORE,
  config: [...CORE, 'settings'],
  grants: [...CORE, 'flows'],
  flows: [...CORE, 'grants'],
  http: [...CORE, 'grants', 'flows'],
  compose: [...CORE, ...ADAPTERS, 'config', 'grants', 'flows', 'http'],
  main: [...CORE, ...ADAPTERS, 'config', 'http', 'compose'],
  cli: [...CORE, ...ADAPTERS, 'settings', 'config', 'flows', 'http', 'compose', 'main'],
  sdk: ['domain'],
}

/** The packages that belong to one part. */
const HOMES: Readonly<Record<string, string>> = {
  postgres: 'store',
  'drizzle-orm': 'store',
  '@electric-sql/pglite': 'store',
  '@electric-sql/pglite-socket': 'store',
  ioredis: 'ephemeral',
  bcryptjs: 'platform',
  'hash-wasm': 'platform',
  piscina: 'platform',
  'prom-client': 'platform',
  '@simplewebauthn/server': 'platform',
  nodemailer: 'platform',
  commander: 'cli',
}

const partOf = (path: string) => path.split('/')[1]?.replace(/\.ts$/, '') ?? ''
const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

describe('the import floors', () => {
  it('has a floor for every part', () => {
    expect(breakers(src, file => !(partOf(file.path) in FLOORS))).toEqual([])
  })

  it.each(Object.entries(FLOORS))('%s imports nothing above itself', (part, allowed) => {
    const wrong = src
      .filter(file => partOf(file.path) === part)
      .flatMap(file =>
        file.imports.filter(name => name.startsWith('src/')).map(name => [file.path, name] as const),
      )
      .filter(([, name]) => partOf(name) !== part && !allowed.includes(partOf(name)))
    expect(wrong).toEqual([])
  })

  it.each(Object.entries(HOMES))('%s is used in %s alone', (name, part) => {
    expect(
      breakers(src, file => partOf(file.path) !== part && file.imports.map(packageOf).includes(name)),
    ).toEqual([])
  })

  it('keeps the domain pure: nothing of Node but node:crypto', () => {
    const domain = src.filter(file => partOf(file.path) === 'domain')
    expect(breakers(domain, file => file.imports.some(name => /^node:(?!crypto$)/.test(name)))).toEqual([])
  })

  it('keeps the SDK an island: jose, Hono for its guard, and what is Node’s own', () => {
    const sdk = src.filter(file => partOf(file.path) === 'sdk')
    const foreign = (name: string) => !/^(?:src\/|node:|jose$|hono(?:\/|$))/.test(name)
    expect(breakers(sdk, file => file.imports.some(foreign))).toEqual([])
  })

  it('lets only main.ts, the command line, workers and the look at our own uid touch the process', () => {
    const others = src.filter(file => !/^src\/(?:main\.ts|cli\/|files\/this-user\.ts)|\.mjs$/.test(file.path))
    expect(breakers(others, file => /\bprocess[.?[]|node:process/.test(file.code))).toEqual([])
  })
})

describe('every file', () => {
  it('of src is 250 lines at most', () => {
    expect(breakers(src, file => file.text.split('\n').length > 251)).toEqual([])
  })

  it('leaves no type open: no any', () => {
    expect(breakers(everything, file => /(?:[:<|&,]\s*|\bas\s+)any\b/.test(file.code))).toEqual([])
  })

  it('asserts nothing away: no non-null assertion', () => {
    expect(breakers(everything, file => /[\w)\]][!](?![=\w])/.test(file.code))).toEqual([])
  })

  it('collects no promises to await them later: one that rejects meanwhile ends the process', () => {
    expect(breakers(src, file => /:\s*Promise<[^=;]*>\[\]\s*=\s*\[\]/.test(file.code))).toEqual([])
  })

  it('is finished', () => {
    expect(breakers(everything, file => /\b(?:TO[D]O|FIX[M]E|XX[X])\b/.test(file.text))).toEqual([])
  })

  it('switches no test off, and singles none out', () => {
    expect(
      breakers(everything, file => /\b(?:it|test|describe)\.(?:skip|only|todo)\b/.test(file.code)),
    ).toEqual([])
  })

  it('obeys the linter without exceptions', () => {
    expect(
      breakers(everything, file =>
        /(?:oxlint|eslint)-disabl[e]|@ts-(?:ignor[e]|expect-erro[r])/.test(file.text),
      ),
    ).toEqual([])
  })
})

type Lock = { packages: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string }> }
type Manifest = { dependencies: Record<string, string>; devDependencies: Record<string, string> }

describe('the dependencies', () => {
  const lockText = readFileSync('package-lock.json', 'utf8')
  const { packages } = JSON.parse(lockText) as Lock

  it('are all in the lock file, those of other platforms too', () => {
    const names = new Set(Object.keys(packages).map(path => path.split('node_modules/').at(-1)))
    const optional = Object.values(packages).flatMap(entry => Object.keys(entry.optionalDependencies ?? {}))
    expect(optional.filter(name => !names.has(name))).toEqual([])
  })

  it('name no registry: every machine asks its own', () => {
    expect(Object.entries(packages).filter(([, entry]) => /^https?:/.test(entry.resolved ?? ''))).toEqual([])
    expect(lockText).not.toMatch(/https?:\/\/[^"]*\.tgz/)
  })

  it('are each justified in docs/dependencies.md', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
    const page = readFileSync('docs/dependencies.md', 'utf8')
    const names = Object.keys({ ...dependencies, ...devDependencies })
    expect(names.filter(name => !page.includes(`| \`${name}\` |`))).toEqual([])
  })
})
