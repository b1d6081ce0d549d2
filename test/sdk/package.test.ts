import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const tsc = (...options: readonly string[]) =>
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options])

const STRICT = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  target: 'es2023',
  types: ['node'],
}

/** A service's project, in which this package is installed and nothing else. */
describe('the package, in an empty project', { timeout: 60_000 }, () => {
  let project: string
  let installed: string
  const write = (name: string, text: string) => writeFile(join(project, name), text)
  const node = async (file: string) => (await run(process.execPath, [file], { cwd: project })).stdout.trim()

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'signet-package-'))
    installed = join(project, 'node_modules/signetd')
    await mkdir(installed, { recursive: true })
    await cp(join(ROOT, 'package.json'), join(installed, 'package.json'))
    await tsc('-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(installed, 'dist'))
    await write('package.json', '{ "name": "service", "private": true, "type": "module" }')
  }, 60_000)
  afterAll(() => rm(project, { recursive: true }))

  const body = `
    const main = async () => {
      const issuer = await createTestIssuer({ issuer: 'https://id.example', audience: 'https://api.example' })
      const options = { issuer: issuer.issuer, audience: 'https://api.example', fetch: issuer.fetch }
      const token = await issuer.issue({ sub: 'ada' })
      const { claims } = await createVerifier(options).verify(token)
      const refused = await createVerifier(options).verify('x').catch(error => error instanceof TokenError && error.code)
      console.log(claims.sub, refused, typeof createProtect, typeof createExpressProtect)
    }
    main()`
  const expected = 'ada token_malformed function function'

  it('is imported, needing no other package at run time', async () => {
    await write(
      'esm.mjs',
      `
      import { createVerifier, TokenError } from 'signetd/verify'
      import { createProtect } from 'signetd/hono'
      import { createExpressProtect } from 'signetd/node'
      import { createTestIssuer } from 'signetd/testing'
      ${body}`,
    )
    expect(await node('esm.mjs')).toBe(expected)
  })

  it('is required from CommonJS', async () => {
    await write(
      'cjs.cjs',
      `
      const { createVerifier, TokenError } = require('signetd/verify')
      const { createProtect } = require('signetd/hono')
      const { createExpressProtect } = require('signetd/node')
      const { createTestIssuer } = require('signetd/testing')
      ${body}`,
    )
    expect(await node('cjs.cjs')).toContain(expected)
  })

  it('runs on node:crypto under Node, and touches nothing of Node elsewhere', async () => {
    await write(
      'which.mjs',
      "console.log(import.meta.resolve('signetd/verify'), import.meta.resolve('signetd/hono'))",
    )
    expect(await node('which.mjs')).toMatch(/verify-node\.js .*hono-node\.js$/)
    await write(
      'portable.mjs',
      "export * from 'signetd/verify'; export * as hono from 'signetd/hono'; export * as testing from 'signetd/testing'",
    )
    const { metafile } = await build({
      absWorkingDir: project,
      entryPoints: ['portable.mjs'],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'neutral',
      metafile: true,
    })
    expect(
      Object.values(metafile.inputs)
        .flatMap(input => input.imports)
        .filter(imported => imported.external),
    ).toEqual([])
  })

  it('signetd/verify is under 8 kB gzipped', async () => {
    await write('size.mjs', "export * from 'signetd/verify'")
    for (const conditions of [[], ['node']]) {
      const { outputFiles } = await build({
        absWorkingDir: project,
        entryPoints: ['size.mjs'],
        bundle: true,
        minify: true,
        write: false,
        format: 'esm',
        platform: 'neutral',
        conditions,
        external: ['node:*'],
      })
      expect(gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length).toBeLessThan(8 * 1024)
    }
  })

  it.each([
    ['nodenext', 'nodenext', 'mts'],
    ['nodenext', 'nodenext', 'cts'],
    ['node20', 'node16', 'mts'],
    ['node20', 'node16', 'cts'],
    ['esnext', 'bundler', 'ts'],
    ['preserve', 'bundler', 'ts'],
  ])(
    'has its types under module %s, resolution %s, in a .%s',
    async (module, moduleResolution, extension) => {
      await mkdir(join(project, 'node_modules/@types'), { recursive: true })
      for (const name of ['hono', '@types/node', 'undici-types'])
        await symlink(join(ROOT, 'node_modules', name), join(project, 'node_modules', name)).catch(() => {})
      await write(
        `types.${extension}`,
        `
      import { createVerifier, type Claims, type RevocationSource, scope } from 'signetd/verify'
      import { createProtect } from 'signetd/hono'
      import { createFastifyProtect } from 'signetd/node'
      import { createTestIssuer } from 'signetd/testing'
      const revocations: RevocationSource = { check: ({ jti }) => (jti === 'x' ? 'revoked' : 'live') }
      const verifier = createVerifier({ issuer: 'https://id.example', audience: 'https://api.example', revocations })
      export const subject = async (token: string): Promise<string> => (await verifier.verify(token, scope('a'))).claims.sub
      export const custom = (claims: Claims): unknown => claims['tenant']
      export const guards = [createProtect(verifier)(), createFastifyProtect(verifier)(), createTestIssuer] as const
      // @ts-expect-error The audience must be given.
      createVerifier({ issuer: 'https://id.example' })
    `,
      )
      await write(
        'tsconfig.json',
        JSON.stringify({
          compilerOptions: { ...STRICT, module, moduleResolution },
          files: [`types.${extension}`],
        }),
      )
      expect(await tsc('-p', project).catch((error: unknown) => error)).toMatchObject({ stdout: '' })
    },
  )

  it('names in its portable types nothing of Node', async () => {
    for (const file of [
      'verify.d.ts',
      'hono.d.ts',
      'testing.d.ts',
      'verifier.d.ts',
      'options.d.ts',
      'public.d.ts',
    ])
      expect(await readFile(join(installed, 'dist/sdk', file), 'utf8')).not.toMatch(/node:|Buffer|NodeJS/)
  })

  it('has exports that every tool understands', async () => {
    const { messages } = await publint({ pkgDir: installed, pack: false, strict: true })
    expect(messages.filter(({ path }) => path[0] === 'exports')).toEqual([])
  })
})
