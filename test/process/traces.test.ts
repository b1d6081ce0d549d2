import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabaseWithSchema, hasPostgres } from '../support/backends.ts'
import { PEPPER } from '../support/clients.ts'
import { becomesReady, openSandbox, type Sandbox, stopProgram } from '../support/process.ts'
import { type Collector, openCollector } from '../support/services/collector.ts'

/** Refuses every package of OpenTelemetry, as an installation without them does. */
const HOOK = `
  export const resolve = async (specifier, context, next) => {
    if (specifier.startsWith('@opentelemetry/'))
      throw Object.assign(new Error('absent'), { code: 'ERR_MODULE_NOT_FOUND' })
    return next(specifier, context)
  }`
const moduleOf = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`
const WITHOUT_PACKAGES = {
  NODE_OPTIONS: `--import=${moduleOf(`import { register } from 'node:module'; register(${JSON.stringify(moduleOf(HOOK))})`)}`,
}

describe.skipIf(!hasPostgres)('a process', () => {
  let sandbox: Sandbox
  let collector: Collector
  let own: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  beforeAll(async () => {
    sandbox = await openSandbox()
    collector = await openCollector()
    own = await createDatabaseWithSchema()
  })
  afterAll(async () => {
    await sandbox.close()
    await collector.close()
    await own.drop()
  })
  const start = (environment: Readonly<Record<string, string>>) =>
    sandbox.start({ DATABASE_URL: own.url, REFRESH_TOKEN_PEPPER: PEPPER, ...environment })

  it.each([
    ['without a variable', () => ({})],
    ['that OTEL_SDK_DISABLED switches off', () => ({ ...collector.environment, OTEL_SDK_DISABLED: 'TRUE' })],
  ])(
    '%s starts and answers without the packages, since it loads none of them',
    async (_name, environment) => {
      const program = start({ ...WITHOUT_PACKAGES, ...environment() })
      await becomesReady(program)
      expect((await sandbox.ask('/.well-known/jwks.json')).status).toBe(200)
      expect(await stopProgram(program)).toMatchObject({ code: 0 })
      expect(collector.heads).toEqual([])
    },
  )

  it('with traces refuses to start without the packages, in one line', async () => {
    const program = start({ ...WITHOUT_PACKAGES, ...collector.environment })
    expect(await program.ended).toMatchObject({ code: 2 })
    expect(program.err()).toBe(
      'signetd: OTEL_EXPORTER_OTLP_ENDPOINT needs the optional packages of OpenTelemetry, which are not installed: install Signet with its optional dependencies, or set OTEL_SDK_DISABLED=true\n',
    )
  })

  it('with traces names a file of certificates that cannot be read', async () => {
    const program = start({ ...collector.environment, OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere/ca.pem' })
    expect(await program.ended).toMatchObject({ code: 2 })
    expect(program.err()).toBe(
      'signetd: OTEL_EXPORTER_OTLP_CERTIFICATE /nowhere/ca.pem cannot be read (ENOENT): name a file that this user can read\n',
    )
  })

  it('with traces sends what waits when it stops', async () => {
    const program = start({ ...collector.environment, OTEL_BSP_SCHEDULE_DELAY: '600000' })
    await becomesReady(program)
    await sandbox.ask('/.well-known/jwks.json')
    expect(await stopProgram(program)).toMatchObject({ code: 0 })
    const [span] = collector.spans
    expect(span?.name).toBe('GET /.well-known/jwks.json')
    expect(program.log()).toContainEqual(expect.objectContaining({ msg: 'request', trace_id: span?.traceId }))
  })

  it('with traces stops while its collector hangs', async () => {
    collector.hang()
    const before = collector.heads.length
    const program = start(collector.environment)
    await becomesReady(program)
    await sandbox.ask('/.well-known/jwks.json')
    await expect.poll(() => collector.heads.length).toBe(before + 1)
    expect(await stopProgram(program)).toMatchObject({ code: 0, signal: null })
  })
})
