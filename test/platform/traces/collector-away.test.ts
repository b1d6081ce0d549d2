import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { CLIENT_CREDENTIALS, SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { type Collector, openCollector } from '../../support/services/collector.ts'
import { freePort } from '../../support/services/services.ts'

let deployment: Deployment
beforeAll(async () => {
  deployment = await openDeployment()
})
afterAll(() => deployment.close())

const open = async () => {
  const collector = await openCollector()
  onTestFinished(() => collector.close())
  return collector
}
const startAt = (
  { environment }: Pick<Collector, 'environment'>,
  more: Readonly<Record<string, string>> = {},
) => deployment.start({ environment: { ...environment, ...more } })
const aboutTraces = ({ lines }: Instance) => lines.filter(line => line['component'] === 'traces')
const ask = async (instance: Instance) => (await instance.token(CLIENT_CREDENTIALS, SERVICE)).status

describe('a collector', () => {
  it('that refuses connections costs no request anything, and has one line of the log', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '1' }
    // Less than the pause before the exporter tries again.
    const instance = await startAt({ environment }, { OTEL_EXPORTER_OTLP_TIMEOUT: '100' })
    expect(await ask(instance)).toBe(200)
    await expect.poll(() => aboutTraces(instance)).toHaveLength(1)
    expect(await ask(instance)).toBe(200)
    await signUp(instance, 'ada@example.com')
    await instance.close()
    expect(aboutTraces(instance)).toEqual([
      {
        component: 'traces',
        error: 'ECONNREFUSED',
        level: 'warn',
        message: 'the collector of traces takes no spans: those of this time are lost',
      },
    ])
  })

  it('that never answers holds up neither requests nor the end of the server', async () => {
    const collector = await open()
    collector.hang()
    // The export would wait for ten minutes.
    const minutes = { OTEL_EXPORTER_OTLP_TIMEOUT: '600000', OTEL_BSP_EXPORT_TIMEOUT: '600000' }
    const instance = await startAt(collector, minutes)
    expect(await ask(instance)).toBe(200)
    await expect.poll(() => collector.heads.length).toBe(1)
    expect([await ask(instance), await ask(instance)]).toEqual([200, 200])
    await instance.close()
    expect(collector.spans).toEqual([])
  })

  it('that refuses an export is named by its status, and spans arrive again when it accepts', async () => {
    const collector = await open()
    collector.answerWith(401)
    const instance = await startAt(collector)
    expect(await ask(instance)).toBe(200)
    await expect
      .poll(() => aboutTraces(instance))
      .toEqual([expect.objectContaining({ level: 'warn', receiver_status: 401 })])
    collector.answerWith(200)
    expect(await ask(instance)).toBe(200)
    await expect
      .poll(() => aboutTraces(instance).at(-1))
      .toMatchObject({ level: 'info', message: 'the collector of traces takes spans again' })
    expect(collector.spans.map(({ name }) => name)).toContain('POST /token')
  })

  it('gets no more than the queue holds, and the requests behind it are answered', async () => {
    const collector = await open()
    const queue = { OTEL_BSP_MAX_QUEUE_SIZE: '4', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '4' }
    const instance = await startAt(collector, { ...queue, OTEL_BSP_SCHEDULE_DELAY: '600000' })
    collector.hang()
    for (const _ of Array.from({ length: 20 })) expect(await ask(instance)).toBe(200)
    collector.resume()
    await instance.close()
    // Of forty spans, the four of the export that hung, which is tried again, and the four that waited.
    expect(collector.spans).toHaveLength(8)
  })

  it('gets what waits when the server ends', async () => {
    const collector = await open()
    const instance = await startAt(collector, { OTEL_BSP_SCHEDULE_DELAY: '600000' })
    expect(await ask(instance)).toBe(200)
    expect(collector.spans).toEqual([])
    await instance.close()
    expect(collector.spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['sign', 'POST /token']))
  })
})

describe('two servers of one process', () => {
  it('send their traces each to its own collector', async () => {
    const [one, other] = [await open(), await open()]
    const first = await startAt(one, { OTEL_SERVICE_NAME: 'first' })
    const second = await startAt(other, { OTEL_RESOURCE_ATTRIBUTES: 'service.name=second' })
    expect([await ask(first), await ask(second)]).toEqual([200, 200])
    await first.close()
    await second.close()
    const servicesOf = ({ spans }: Collector) => [
      ...new Set(spans.map(({ resource }) => resource['service.name'])),
    ]
    expect([servicesOf(one), servicesOf(other)]).toEqual([['first'], ['second']])
  })
})
