import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn, signUp } from '../support/accounts/account-api.ts'
import { fillDataDir } from '../support/backends.ts'
import { becomesReady, openSandbox, type Sandbox } from '../support/process.ts'

const run = promisify(execFile)
const FILES = [
  'src',
  'scripts',
  'drizzle',
  'templates',
  'dist',
  'openapi.yaml',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'tsconfig.types.json',
  'LICENSE',
]

/** A built checkout, with a file of an earlier build in it. */
const createCheckout = () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-checkout-'))
  for (const name of FILES) cpSync(name, join(directory, name), { recursive: true })
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'))
  writeFileSync(join(directory, 'dist/platform/stale.js'), 'export {}\n')
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

describe('npm pack in a checkout with a running server', { timeout: 120_000 }, () => {
  const checkout = createCheckout()
  const entry = join(checkout.directory, 'dist/cli/signetd.js')
  let sandbox: Sandbox
  let paths: readonly string[]
  beforeAll(async () => {
    sandbox = await openSandbox()
    await fillDataDir(sandbox.environment.DATA_DIR)
    await becomesReady(sandbox.start({}, process.execPath, entry, 'serve'))
    const { stdout } = await run('npm', ['pack', '--json'], { cwd: checkout.directory })
    const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as readonly [
      { files: readonly { path: string }[] },
    ]
    paths = packed.files.map(({ path }) => path)
  }, 120_000)
  afterAll(async () => {
    await sandbox.close()
    checkout.remove()
  })

  it('leaves the server able to sign people in and serve its pages', async () => {
    await signUp(sandbox, 'ada@example.com')
    await signIn(sandbox, 'ada@example.com')
    for (const path of ['/docs', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js', '/openapi.yaml'])
      expect((await sandbox.ask(path)).status).toBe(200)
  })

  it('packs no file of an earlier build', () => {
    expect(paths).toContain('dist/platform/password-worker.mjs')
    expect(paths).not.toContain('dist/platform/stale.js')
  })

  it('packs the files of the reference page, with their licences', () => {
    const files = paths.filter(path => path.includes('/swagger-ui/')).map(path => path.replace(/.*\//, ''))
    expect(files.toSorted()).toEqual([
      'LICENSE',
      'NOTICE',
      'package.json',
      'swagger-ui-bundle.js',
      'swagger-ui-bundle.js.LICENSE.txt',
      'swagger-ui.css',
    ])
  })

  it('leaves npx signetd executable', () => {
    expect(spawnSync(entry, ['--version'], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })
})
