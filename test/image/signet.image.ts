import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createEmptyDatabase } from '../support/backends.ts'
import { freePort } from '../support/services/services.ts'

type ImageConfig = Readonly<{
  User: string
  Env: readonly string[]
  Entrypoint: readonly string[]
  Cmd: readonly string[]
  WorkingDir: string
  Healthcheck: Readonly<{ Test: readonly string[] }>
}>

const MEGABYTE = 1_000_000

describe('the image of the unmodified Dockerfile', () => {
  const work = mkdtempSync(join(tmpdir(), 'signet-image-'))
  const state = mkdtempSync(join(tmpdir(), 'signet-state-'))
  const started = new Set<ChildProcess>()
  let config: ImageConfig
  let root: string
  let own: Awaited<ReturnType<typeof createEmptyDatabase>>
  let environment: Readonly<Record<string, string>>

  beforeAll(async () => {
    own = await createEmptyDatabase()
    const output = execFileSync('test/image/build.sh', [work], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    config = JSON.parse(output).Docker.config as ImageConfig
    root = realpathSync(join(work, 'root'))
    chownSync(state, 1000, 1000)
    environment = {
      ...Object.fromEntries(
        config.Env.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      ),
      ISSUER: 'https://id.example.com',
      PORT: String(await freePort()),
      INTERNAL_PORT: String(await freePort()),
      HOST: '127.0.0.1',
      DATABASE_URL: own.url,
      REFRESH_TOKEN_PEPPER: randomBytes(32).toString('base64url'),
    }
  })
  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL')
    await own.drop()
    execFileSync('buildah', [
      '--storage-driver',
      'vfs',
      '--root',
      `${work}/storage`,
      '--runroot',
      `${work}/run`,
      'rm',
      '--all',
    ])
    for (const directory of [work, state]) rmSync(directory, { recursive: true, force: true })
  })

  /** Runs as process 1 of its own namespace, as `docker run --read-only --init=false` does. */
  const run = (...words: readonly string[]): ChildProcess => {
    const [uid = '', gid = ''] = config.User.split(':')
    const inside = [realpathSync('test/image/enter.sh'), root, uid, gid, config.WorkingDir, state, ...words]
    const child = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', ...inside], {
      env: { ...environment, PATH: `${process.env['PATH']}:${environment['PATH']}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.add(child)
    child.once('exit', () => started.delete(child))
    return child
  }
  const finish = async (child: ChildProcess) => {
    const [[code], out, err] = await Promise.all([
      once(child, 'exit'),
      child.stdout ? text(child.stdout) : '',
      child.stderr ? text(child.stderr) : '',
    ])
    return { code, out, err }
  }
  const signetd = (...words: readonly string[]) => run(...config.Entrypoint, ...words)
  const at = (path: string, port = environment['PORT']) => `http://127.0.0.1:${port}${path}`
  const isUp = async (path: string) => (await fetch(at(path)).catch(() => null))?.status === 200

  it('is under 200 MB and holds no shell, no npm, no source, no keys and no data', () => {
    const bytes = Number(
      execFileSync('du', ['-s', '--apparent-size', '-B1', root], { encoding: 'utf8' }).split('\t')[0],
    )
    process.stdout.write(`image: ${Math.round(bytes / MEGABYTE)} MB\n`)
    expect(bytes).toBeLessThan(200 * MEGABYTE)
    for (const path of [
      'bin/sh',
      'usr/bin',
      'usr/local/bin/npm',
      'app/src',
      'app/keys',
      'app/data',
      'app/test',
      'app/.git',
    ])
      expect({ path, exists: existsSync(join(root, path)) }).toEqual({ path, exists: false })
    expect(JSON.parse(readFileSync(join(root, 'app/sbom.json'), 'utf8'))).toMatchObject({
      bomFormat: 'CycloneDX',
      components: expect.arrayContaining([expect.objectContaining({ name: 'pino' })]),
    })
  })

  it('runs as an unprivileged user, and has a health check', () => {
    expect(config.User).toBe('1000:1000')
    expect(config.Env).toContain('HOST=0.0.0.0')
    expect(config.Healthcheck.Test[0]).toBe('CMD')
  })

  it('ends with 2 and one line for a missing setting', async () => {
    const { code, err } = await finish(signetd(...config.Cmd))
    expect(code).toBe(2)
    expect(err).toMatch(/^signetd: the database lacks .*0000_core.*: run signetd migrate\n$/)
  })

  it('migrates, is ready on Postgres within two seconds, issues a token, and ends on SIGTERM', async () => {
    const migrated = await finish(signetd('migrate'))
    expect(migrated).toMatchObject({ code: 0, out: expect.stringContaining('applied 0000_core') })
    // The first start makes the signing key, whose time varies.
    const first = signetd(...config.Cmd)
    await vi.waitFor(async () => expect(await isUp('/readyz')).toBe(true), { timeout: 20_000, interval: 10 })
    await end(first)
    const began = performance.now()
    const server = signetd(...config.Cmd)
    await vi.waitFor(async () => expect(await isUp('/readyz')).toBe(true), { timeout: 20_000, interval: 10 })
    const milliseconds = performance.now() - began
    process.stdout.write(`ready after ${Math.round(milliseconds)} ms\n`)
    expect(milliseconds).toBeLessThan(2000)
    const [, ...check] = config.Healthcheck.Test
    expect((await finish(run(...check))).code).toBe(0)

    const credentials = { email: 'a@b.example', password: 'correct horse' }
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(at('/auth/register'), {
      method: 'POST',
      headers,
      body: JSON.stringify(credentials),
    })
    expect(answer.status).toBe(201)
    const { access_token } = (await answer.json()) as Record<string, string>
    expect(access_token).toMatch(/^eyJ/)
    expect((await fetch(at('/docs/swagger-ui-bundle.js'))).status).toBe(200)
    expect((await fetch(at('/metrics', environment['INTERNAL_PORT']))).status).toBe(200)

    expect(await end(server)).toBe(0)
    expect((await finish(run(...check))).code).toBe(1)
  })

  /** Sends SIGTERM to process 1 of the namespace, as a container engine does. */
  const end = async (server: ChildProcess): Promise<unknown> => {
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8')
    process.kill(Number(children.trim()), 'SIGTERM')
    return (await finish(server)).code
  }
})
