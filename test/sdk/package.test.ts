import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProject, type Project, tsc } from '../support/repository/project.ts'

const STRICT = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  target: 'es2023',
  types: ['node'],
}

/** In the stranger's project below, not in ours. */
const EXPECT = 'expect-error'

describe('the package, in an empty project', { timeout: 60_000 }, () => {
  let project: Project
  beforeAll(async () => {
    project = await createProject()
    // For its types only: hono is a peer of signetd/hono, the types of Node of signetd/node.
    await project.link('hono', '@types/node', 'undici-types')
  }, 60_000)
  afterAll(() => project.remove())

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

  it('can be imported as an ES module', async () => {
    await project.write(
      'esm.mjs',
      `
      import { createVerifier, TokenError } from 'signetd/verify'
      import { createProtect } from 'signetd/hono'
      import { createExpressProtect } from 'signetd/node'
      import { createTestIssuer } from 'signetd/testing'
      ${body}`,
    )
    expect(await project.node('esm.mjs')).toBe(expected)
  })

  it('can be required from CommonJS', async () => {
    await project.write(
      'cjs.cjs',
      `
      const { createVerifier, TokenError } = require('signetd/verify')
      const { createProtect } = require('signetd/hono')
      const { createExpressProtect } = require('signetd/node')
      const { createTestIssuer } = require('signetd/testing')
      ${body}`,
    )
    expect(await project.node('cjs.cjs')).toContain(expected)
  })

  it('is loaded once in a process that both imports and requires it', async () => {
    await project.write(
      'both.mjs',
      `import { createRequire } from 'node:module'
      import { TokenError } from 'signetd/node'
      console.log(createRequire(import.meta.url)('signetd/verify').TokenError === TokenError)`,
    )
    expect(await project.node('both.mjs')).toBe('true')
  })

  it('uses node:crypto under Node, and elsewhere neither Node nor another package', async () => {
    await project.write(
      'which.mjs',
      "console.log(import.meta.resolve('signetd/verify'), import.meta.resolve('signetd/hono'))",
    )
    expect(await project.node('which.mjs')).toMatch(/verify-node\.js .*hono-node\.js$/)
    await project.write(
      'portable.mjs',
      "export * from 'signetd/verify'; export * as hono from 'signetd/hono'; export * as testing from 'signetd/testing'",
    )
    const { metafile } = await build({
      absWorkingDir: project.directory,
      entryPoints: ['portable.mjs'],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'neutral',
      metafile: true,
    })
    const files = Object.keys(metafile.inputs).filter(file => file !== 'portable.mjs')
    expect(files).not.toEqual([])
    expect(files.filter(file => !/^node_modules\/signetd\/dist\/(?:sdk|domain)\//.test(file))).toEqual([])
    expect(
      Object.values(metafile.inputs).flatMap(input => input.imports.filter(one => one.external)),
    ).toEqual([])
  })

  it('signetd/verify is under 8 kB gzipped', async () => {
    await project.write('size.mjs', "export * from 'signetd/verify'")
    for (const conditions of [[], ['node']]) {
      const { outputFiles } = await build({
        absWorkingDir: project.directory,
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
    ['node16', 'node16', 'mts'],
    ['node16', 'node16', 'cts'],
    ['node18', 'node16', 'cts'],
    ['node20', 'node16', 'mts'],
    ['node20', 'node16', 'cts'],
    ['esnext', 'bundler', 'ts'],
    ['preserve', 'bundler', 'ts'],
  ])(
    'has types with module %s and resolution %s in a .%s file',
    async (module, moduleResolution, extension) => {
      await project.write(
        `types.${extension}`,
        `
      import { createVerifier, type Claims, type RevocationSource, scope } from 'signetd/verify'
      import { createProtect } from 'signetd/hono'
      import { createFastifyProtect } from 'signetd/node'
      import { createTestIssuer } from 'signetd/testing'
      import { followRevocations } from 'signetd/revocations'
      import { redisRevocations } from 'signetd/redis'
      export const sources: readonly RevocationSource[] = [
        followRevocations({ issuer: 'https://id.example' }),
        redisRevocations({ issuer: 'https://id.example', mget: async keys => keys.map(() => null) }),
      ]
      const revocations: RevocationSource = { check: ({ jti }) => (jti === 'x' ? 'revoked' : 'live') }
      const verifier = createVerifier({ issuer: 'https://id.example', audience: 'https://api.example', revocations })
      export const subject = async (token: string): Promise<string> => (await verifier.verify(token, scope('a'))).claims.sub
      export const custom = (claims: Claims): unknown => claims['tenant']
      export const guards = [createProtect(verifier)(), createFastifyProtect(verifier)(), createTestIssuer] as const
      // @ts-${EXPECT} The audience must be given.
      createVerifier({ issuer: 'https://id.example' })
    `,
      )
      await project.write(
        'tsconfig.json',
        JSON.stringify({
          compilerOptions: { ...STRICT, module, moduleResolution },
          files: [`types.${extension}`],
        }),
      )
      expect(await tsc('-p', project.directory).catch((error: unknown) => error)).toMatchObject({
        stdout: '',
      })
    },
  )

  it('mentions no type of Node in its portable types', async () => {
    for (const file of [
      'verify.d.ts',
      'hono.d.ts',
      'testing.d.ts',
      'verify/verifier.d.ts',
      'verify/options.d.ts',
      'verify/public.d.ts',
    ])
      expect(await readFile(join(project.installed, 'dist/sdk', file), 'utf8')).not.toMatch(
        /node:|Buffer|NodeJS/,
      )
  })

  it('has exports without a fault that publint finds', async () => {
    const { messages } = await publint({ pkgDir: project.installed, pack: false, strict: true })
    expect(messages.filter(({ path }) => path[0] === 'exports')).toEqual([])
  })
})
