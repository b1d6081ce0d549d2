import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openapi } from '../support/openapi.ts'
import { becomesReady, openSandbox } from '../support/process.ts'

const run = promisify(execFile)

/**
 * Fetched from the registry: the generators need the compiler API of TypeScript 5, which TypeScript 7 has not, and newer ones of
 * @hey-api need Node 22.
 */
const TOOLS = [
  'openapi-typescript@7',
  'openapi-fetch@0.17',
  '@hey-api/openapi-ts@0.80',
  'typescript@5.9',
  '@badgateway/oauth2-client@3',
]

/** The requests with a JSON body that the README shows. */
const readmeRequests = () => {
  const text = readFileSync('README.md', 'utf8').replaceAll('\\\n', '')
  return [...text.matchAll(/curl -s http:\/\/localhost:8080(\/\S+) [^\n]*-d '(\{[^']*\})'/g)].map(
    ([, path = '', body = '']) => ({ path, body, name: String(openapi.paths[path]?.['post']?.operationId) }),
  )
}

describe('clients that are generated from openapi.yaml', () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-clients-'))
  const tool = (name: string, ...words: readonly string[]) =>
    run(join(directory, 'node_modules/.bin', name), words, { cwd: directory })
  beforeAll(async () => {
    writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }')
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...TOOLS], { cwd: directory })
    await tool('openapi-typescript', resolve('openapi.yaml'), '-o', 'schema.ts')
    await tool('openapi-ts', '-i', resolve('openapi.yaml'), '-o', 'hey', '-c', '@hey-api/client-fetch')
  }, 300_000)
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it('take the bodies of the README, and the least that an operation needs', async () => {
    const requests = [
      ...readmeRequests(),
      { path: '/auth/logout', name: 'signOut', body: '{}' },
      { path: '/auth/login/passkey/options', name: 'beginPasskeySignIn', body: '{}' },
      {
        path: '/auth/password',
        name: 'changePassword',
        body: '{ current_password: "a", new_password: "b" }',
      },
      { path: '/auth/login/second-factor', name: 'finishSignIn', body: '{ handle: "a", totp: "123456" }' },
    ]
    expect(requests.length).toBeGreaterThan(6)
    const lines = requests.flatMap(({ path, name, body }) => [
      `void client.POST('${path}', { body: ${body} })`,
      `void hey.${name}({ body: ${body} })`,
    ])
    writeFileSync(
      join(directory, 'bodies.ts'),
      `import createClient from 'openapi-fetch'
      import * as hey from './hey/index.ts'
      import type { paths } from './schema.ts'
      const client = createClient<paths>()
      ${lines.join('\n')}`,
    )
    const options = '--noEmit --strict --skipLibCheck --allowImportingTsExtensions --target es2022'
    const modules = '--module preserve --moduleResolution bundler --lib es2023,dom,dom.iterable'
    const outcome = await tool('tsc', ...`${options} ${modules}`.split(' '), 'bodies.ts').catch(
      (error: unknown) => error,
    )
    expect(outcome).toMatchObject({ stdout: '' })
  })

  it('sign up, ask for mail and revoke: answers without a body too; and so does @badgateway/oauth2-client', async () => {
    const sandbox = await openSandbox()
    await becomesReady(sandbox.start())
    const secret = readFileSync(join(sandbox.environment.DATA_DIR, 'demo-client-secret'), 'utf8').trim()
    const authorization = `Basic ${Buffer.from(`demo:${secret}`).toString('base64')}`
    writeFileSync(
      join(directory, 'main.ts'),
      `import createClient from 'openapi-fetch'
      import { OAuth2Client } from '@badgateway/oauth2-client'
      import { forgotPassword, revoke, signUp } from './hey/index.ts'
      import { client as hey } from './hey/client.gen.ts'
      const baseUrl = '${sandbox.origin}'
      const headers = { authorization: '${authorization}' }
      const password = 'correct horse battery'
      const client = createClient({ baseUrl })
      hey.setConfig({ baseUrl })
      const form = { body: { token: 'unknown' }, headers }
      const statuses = [
        await client.POST('/auth/register', { body: { email: 'ada@example.com', password } }),
        await client.POST('/auth/password/forgot', { body: { email: 'ada@example.com' } }),
        await client.POST('/revoke', { ...form, headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' } }),
        await signUp({ body: { email: 'grace@example.com', password }, throwOnError: true }),
        await forgotPassword({ body: { email: 'grace@example.com' }, throwOnError: true }),
        await revoke({ ...form, throwOnError: true }),
      ].map(({ response }) => response.status)
      const oauth = new OAuth2Client({ server: baseUrl + '/', clientId: 'demo', clientSecret: '${secret}' })
      await oauth.revoke(await oauth.clientCredentials(), 'access_token')
      console.log(statuses.join(' '))`,
    )
    try {
      const [entry, outfile] = [join(directory, 'main.ts'), join(directory, 'main.mjs')]
      await build({
        entryPoints: [entry],
        outfile,
        bundle: true,
        platform: 'node',
        format: 'esm',
        logLevel: 'error',
      })
      expect((await run(process.execPath, [outfile])).stdout.trim()).toBe('201 202 200 201 202 200')
    } finally {
      await sandbox.close()
    }
  })
})
