import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor } from '../support/authorization/person.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'

const run = promisify(execFile)

/** The tool needs Node 22, which the package `node` brings. */
const TOOLS = ['node@22', '@modelcontextprotocol/conformance@0.2.0-alpha.12']
const PORT = 4998

type Check = Readonly<{ id: string; status: string; errorMessage?: string }>

/** What `.ci/run` has installed already, or the tools from the registry. */
const findModules = async (directory: string): Promise<string> => {
  const given = process.env['MCP_CONFORMANCE']
  if (given === undefined) await run('npm', ['install', '--prefix', directory, '--no-save', ...TOOLS])
  return join(given ?? directory, 'node_modules')
}

/** Runs the tool, and opens every address that the tool asks a person to open. */
const runTool = async (
  modules: string,
  words: readonly string[],
  open: (url: string) => Promise<unknown>,
) => {
  const tool = join(modules, '@modelcontextprotocol/conformance/dist/index.js')
  const child = spawn(join(modules, 'node/bin/node'), [tool, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>(done => child.once('close', done))
  let screen = ''
  child.stderr.on('data', data => {
    screen += String(data)
  })
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      screen += `${line}\n`
      if (/^https?:\S+$/.test(line.trim())) await open(line.trim())
    }
    return { code: await ended, screen }
  } finally {
    child.kill()
  }
}

describe('@modelcontextprotocol/conformance', () => {
  let deployment: Deployment
  let issuer: string
  let close: () => Promise<void>
  let modules: string
  const results = mkdtempSync(join(tmpdir(), 'signet-conformance-'))
  beforeAll(async () => {
    modules = await findModules(results)
    const agent = {
      client_id: 'agent',
      client_name: 'Agent',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [`http://127.0.0.1:${PORT}/callback`],
      scope: 'openid offline_access read',
      audience: [API],
    }
    deployment = await openDeployment([agent])
    ;({ issuer, close } = await listen(deployment, { environment: { CLIENT_ID_DOCUMENTS: 'on' } }))
  }, 120_000)
  afterAll(async () => {
    await close()
    await deployment.close()
    rmSync(results, { recursive: true })
  })

  it.each(['2025-06-18', '2025-11-25', '2026-07-28'])(
    'passes each scenario for authorization servers of %s',
    async version => {
      const person = createPageVisitor(issuer, { email: newEmail(), password: PASSWORD })
      const open = async (url: string) => fetch(await person.authorize(url))
      const where = ['--url', issuer, '--client-id', 'agent', '--resource', API, '--port', String(PORT)]
      const output = ['--spec-version', version, '--output-dir', join(results, version)]
      const { code, screen } = await runTool(modules, ['authorization', ...where, ...output], open)
      const files = readdirSync(join(results, version), { recursive: true, encoding: 'utf8' })
      const checks = files
        .filter(file => file.endsWith('checks.json'))
        .flatMap(file => JSON.parse(readFileSync(join(results, version, file), 'utf8')) as readonly Check[])
      expect(
        checks.filter(({ status }) => !['SUCCESS', 'INFO'].includes(status)),
        screen,
      ).toEqual([])
      const ids = checks.map(({ id }) => id)
      expect(ids).toContain('authorization-server-metadata')
      expect(ids).toContain('authorization-code-grant')
      expect(code, screen).toBe(0)
    },
  )
})
