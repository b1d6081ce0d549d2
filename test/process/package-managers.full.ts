import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../support/accounts/account-api.ts'
import { becomesReady, openSandbox, startProgram } from '../support/process.ts'

const run = promisify(execFile)

/** Package managers that are fetched from the registry with everything that they install. Nothing else of this repository needs them. */
const PNPM = 'pnpm@10'
const YARN = '@yarnpkg/cli-dist@4'

const directory = mkdtempSync(join(tmpdir(), 'signet-managers-'))
const bin = join(directory, 'tools/node_modules/.bin')

/** The command of each that installs the tarball, and the one that runs a command of the package. */
const MANAGERS = {
  npm: { install: ['npm', 'install', '--no-audit', '--no-fund'], start: ['npx', '--no-install'] },
  pnpm: { install: [join(bin, 'pnpm'), 'add'], start: [join(bin, 'pnpm'), 'exec'] },
  "Yarn Plug'n'Play": { install: [join(bin, 'yarn'), 'add'], start: [join(bin, 'yarn')] },
} as const

const yarnSettings = async () => {
  const registry = (await run('npm', ['config', 'get', 'registry'])).stdout.trim()
  const settings = {
    nodeLinker: 'pnp',
    enableTelemetry: false,
    enableGlobalCache: false,
    npmRegistryServer: registry,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join('')
}

describe('the packed package', () => {
  let tarball: string
  beforeAll(async () => {
    const words = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory]
    const [packed] = JSON.parse((await run('npm', words)).stdout) as readonly [{ filename: string }]
    tarball = join(directory, packed.filename)
    await run('npm', ['install', '--no-audit', '--prefix', join(directory, 'tools'), PNPM, YARN])
  }, 300_000)
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it.each(Object.entries(MANAGERS))(
    'is installed by %s, starts, and issues tokens',
    async (name, { install, start }) => {
      const project = join(directory, name.replaceAll(/\W/g, ''))
      mkdirSync(project)
      writeFileSync(join(project, 'package.json'), '{ "name": "service", "private": true }')
      writeFileSync(join(project, '.yarnrc.yml'), await yarnSettings())
      writeFileSync(join(project, 'yarn.lock'), '')
      const [manager, ...words] = install
      await run(manager, [...words, manager.endsWith('yarn') ? `signetd@file:${tarball}` : tarball], {
        cwd: project,
      })

      const sandbox = await openSandbox()
      const [program, ...before] = start
      const server = startProgram(sandbox.environment, [...start, 'signetd', 'serve'], {
        cwd: project,
        detached: true,
      })
      try {
        await becomesReady(server)
        const secret = readFileSync(join(sandbox.environment.DATA_DIR, 'demo-client-secret'), 'utf8').trim()
        const headers = { authorization: `Basic ${Buffer.from(`demo:${secret}`).toString('base64')}` }
        const form = { grant_type: 'client_credentials' }
        expect((await sandbox.ask('/token', { form, headers })).status).toBe(200)
        await signUp(sandbox, 'ada@example.com')
        for (const path of ['/docs', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js'])
          expect((await sandbox.ask(path)).status).toBe(200)
        const env = { ...process.env, ...sandbox.environment }
        await run(program, [...before, 'signetd', 'keys', 'rotate'], { cwd: project, env })
      } finally {
        // Ends the whole process group, as a package manager is between this process and the server.
        process.kill(-(server.process.pid ?? 0), 'SIGKILL')
        await server.ended
        await sandbox.close()
      }
    },
  )
})
