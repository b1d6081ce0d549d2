import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyBuild, ROOT, tsc } from '../support/repository/project.ts'

const run = promisify(execFile)

type Packed = Readonly<{
  filename: string
  shasum: string
  size: number
  files: readonly Readonly<{ path: string }>[]
}>

/** In the stranger's project below, not in ours. */
const EXPECT = 'expect-error'

/** What a service installs: packed as it is published, and installed by npm into an empty project. */
describe('signetd-verify, in an empty project', { timeout: 120_000 }, () => {
  let directory: string
  let service: string
  let packs: readonly Packed[]

  const pack = async (name: 'first' | 'second'): Promise<Packed> => {
    const [dist, out] = [join(directory, name, 'dist'), join(directory, name, 'package')]
    await copyBuild(name, dist)
    await run(process.execPath, ['scripts/verify-package.mjs', dist, out], { cwd: ROOT })
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts'], { cwd: out })
    const [packed] = JSON.parse(stdout) as readonly [Packed]
    return packed
  }
  const node = async (file: string, text: string) => {
    await writeFile(join(service, file), text)
    return (await run(process.execPath, [file], { cwd: service })).stdout.trim()
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'signet-verify-'))
    service = join(directory, 'service')
    await mkdir(service)
    packs = [await pack('first'), await pack('second')]
    await writeFile(join(service, 'package.json'), '{ "name": "service", "private": true, "type": "module" }')
    const tarball = join(directory, 'first/package', packs[0]?.filename ?? '')
    // Offline: there is nothing else to fetch.
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: service })
  }, 120_000)
  afterAll(() => rm(directory, { recursive: true }))

  const body = `
    const main = async () => {
      const issuer = await createTestIssuer({ issuer: 'https://id.example', audience: 'https://api.example' })
      const revocations = redisRevocations({ prefix: 'signet:', mget: async keys => keys.map((_, index) => (index === 0 ? '1' : null)) })
      const options = { issuer: issuer.issuer, audience: 'https://api.example', fetch: issuer.fetch, revocations }
      const { claims, revocation } = await createVerifier(options).verify(await issuer.issue({ sub: 'ada' }))
      const refused = await createVerifier(options).verify('x').catch(error => error instanceof TokenError && error.code)
      console.log(claims.sub, revocation, refused, typeof createProtect, typeof createExpressProtect, typeof followRevocations)
    }
    main()`
  const names = [
    ['createVerifier, TokenError', ''],
    ['createProtect', '/hono'],
    ['createExpressProtect', '/node'],
    ['followRevocations', '/revocations'],
    ['redisRevocations', '/redis'],
    ['createTestIssuer', '/testing'],
  ] as const
  const expected = 'ada checked token_malformed function function function'

  it('installs no other package', async () => {
    const { stdout } = await run('npm', ['ls', '--all', '--parseable'], { cwd: service })
    expect(stdout.trim().split('\n')).toEqual([service, join(service, 'node_modules/signetd-verify')])
    const lock = JSON.parse(await readFile(join(service, 'package-lock.json'), 'utf8')) as {
      packages: object
    }
    expect(Object.keys(lock.packages)).toEqual(['', 'node_modules/signetd-verify'])
  })

  it('can be imported as an ES module', async () => {
    const imports = names.map(([what, path]) => `import { ${what} } from 'signetd-verify${path}'`)
    expect(await node('esm.mjs', `${imports.join('\n')}${body}`)).toBe(expected)
  })

  it('can be required from CommonJS', async () => {
    const imports = names.map(([what, path]) => `const { ${what} } = require('signetd-verify${path}')`)
    expect(await node('cjs.cjs', `${imports.join('\n')}${body}`)).toContain(expected)
  })

  it.each([
    ['nodenext', 'nodenext', 'mts'],
    ['nodenext', 'nodenext', 'cts'],
    ['node16', 'node16', 'cts'],
    ['preserve', 'bundler', 'ts'],
  ])(
    'has types with module %s and resolution %s in a .%s file',
    async (module, moduleResolution, extension) => {
      const imports = names.filter(([, path]) => path !== '/hono' && path !== '/node')
      await writeFile(
        join(service, `types.${extension}`),
        `${imports.map(([what, path]) => `import { ${what} } from 'signetd-verify${path}'`).join('\n')}
      import type { Claims } from 'signetd-verify'
      const verifier = createVerifier({ issuer: 'https://id.example', audience: 'https://api.example' })
      export const subject = async (token: string): Promise<string> => (await verifier.verify(token)).claims.sub
      export const custom = (claims: Claims): unknown => claims['tenant']
      export const all = [TokenError, followRevocations, redisRevocations, createTestIssuer] as const
      // @ts-${EXPECT} The audience must be given.
      createVerifier({ issuer: 'https://id.example' })`,
      )
      const compilerOptions = {
        noEmit: true,
        strict: true,
        target: 'es2023',
        types: [],
        module,
        moduleResolution,
      }
      await writeFile(
        join(service, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: [`types.${extension}`] }),
      )
      expect(await tsc('-p', service).catch((error: unknown) => error)).toMatchObject({ stdout: '' })
    },
  )

  it('has every entry that the documents and the examples import as signetd-verify/… or signetd/…', async () => {
    const files = ['README.md', 'docs/verify.md', 'docs/revocation.md', 'examples/README.md']
    const examples = ['examples/hono/server.mjs', 'examples/express/server.mjs']
    const texts = await Promise.all([...files, ...examples].map(file => readFile(join(ROOT, file), 'utf8')))
    const imported = texts.flatMap(text => [...text.matchAll(/'signetd(-verify)?(?:\/([\w-]+))?'/g)])
    const entries = imported.map(([, isSmall, path]) => path ?? (isSmall ? '' : 'none'))
    expect(entries.length).toBeGreaterThan(10)
    const known = new Set(['', 'verify', ...names.map(([, path]) => path.slice(1))])
    expect(entries.filter(entry => !known.has(entry))).toEqual([])
  })

  it('is byte for byte the same from two builds', () => {
    expect(packs[0]?.shasum).toBe(packs[1]?.shasum)
  })

  it('contains only the library, in less than 42 kB', () => {
    const paths = packs[0]?.files.map(({ path }) => path) ?? []
    const allowed =
      /^(?:dist\/(?:cjs\/)?(?:sdk|domain)\/(?:[\w-]+\/)?[\w-]+\.(?:js|d\.ts)|dist\/cjs\/package\.json|package\.json|README\.md|LICENSE)$/
    expect(paths.filter(path => !allowed.test(path))).toEqual([])
    expect(paths.filter(path => path.includes('domain/')).toSorted()).toEqual([
      'dist/cjs/domain/oauth/access-token.d.ts',
      'dist/cjs/domain/oauth/dpop-proof.d.ts',
      'dist/domain/base/clock-tolerance.js',
      'dist/domain/oauth/access-token.d.ts',
      'dist/domain/oauth/dpop-proof.d.ts',
      'dist/domain/oauth/dpop-proof.js',
      'dist/domain/revocations/blocklist-key.js',
    ])
    expect(packs[0]?.size).toBeLessThan(42 * 1024)
  })

  it('has exports without a fault that publint finds', async () => {
    const pkgDir = join(service, 'node_modules/signetd-verify')
    const { messages } = await publint({ pkgDir, pack: false, strict: true })
    expect(messages.filter(({ type }) => type !== 'suggestion')).toEqual([])
  })
})
