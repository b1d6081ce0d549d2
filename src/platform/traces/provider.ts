import { readFileSync } from 'node:fs'
import type * as Api from '@opentelemetry/api'
import type * as Otlp from '@opentelemetry/exporter-trace-otlp-http'
import type * as Resources from '@opentelemetry/resources'
import type * as Sdk from '@opentelemetry/sdk-trace'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import type { Log } from '../../ports/effects.ts'
import type { TraceOptions } from '../../ports/traces.ts'

/** The packages of OpenTelemetry, which are loaded where traces are on, and nowhere else. */
export type Packages = Readonly<{
  api: typeof Api
  otlp: typeof Otlp
  resources: typeof Resources
  sdk: typeof Sdk
}>

/** Rejects with a StartFault where the packages, which are optional, were left out of the installation. */
export const loadPackages = async (): Promise<Packages> => {
  try {
    const [api, otlp, resources, sdk] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace'),
    ])
    return { api, otlp, resources, sdk }
  } catch (error) {
    if (!ABSENT.has(errorCodeOf(error) ?? '')) throw error
    throw new StartFault([PACKAGES_ABSENT], error)
  }
}

const ABSENT: ReadonlySet<string> = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])
const PACKAGES_ABSENT =
  'OTEL_EXPORTER_OTLP_ENDPOINT needs the optional packages of OpenTelemetry, which are not installed: install Signet with its optional dependencies, or set OTEL_SDK_DISABLED=true'

/** Longer than any name of ours: a limit of the exports, whatever an attribute may hold. */
const SPAN_LIMITS = {
  attributeValueLengthLimit: 256,
  attributeCountLimit: 32,
  eventCountLimit: 1,
  linkCountLimit: 1,
}
/** Exports under way at once. One is usual; the end of the process sends what a full queue holds at once. */
const EXPORTS_AT_ONCE = 8

/** The log, and what tells this process from others. */
export type Around = Readonly<{ log: Log; instance: Readonly<{ version: string; id: string }> }>

/** Collects the spans that have ended in a bounded queue, and sends them in batches. Nothing of it is global in this process. */
export const createProvider = (
  { otlp, resources, sdk }: Packages,
  options: TraceOptions,
  { log, instance }: Around,
): Sdk.TracerProvider => {
  const { batch, tls_files } = options
  const about = { 'service.version': instance.version, 'service.instance.id': instance.id }
  const exporter = new otlp.OTLPTraceExporter({
    url: options.url,
    headers: { ...options.headers },
    timeoutMillis: options.timeout_milliseconds,
    concurrencyLimit: EXPORTS_AT_ONCE,
    httpAgentOptions: { keepAlive: true, ...readTlsFiles(tls_files) },
    userAgent: 'Signet',
  })
  return new sdk.TracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ ...about, ...options.resource })),
    sampler: createSampler(sdk, options.sampler),
    spanLimits: SPAN_LIMITS,
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: complaining(exporter, log),
        scheduledDelayMillis: batch.delay_milliseconds,
        exportTimeoutMillis: batch.timeout_milliseconds,
        maxQueueSize: batch.queue_spans,
        maxExportBatchSize: batch.export_spans,
      }),
    ],
  })
}

const createSampler = (
  sdk: Packages['sdk'],
  { root, ratio, isParentBased }: TraceOptions['sampler'],
): Sdk.Sampler => {
  const samplers = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(ratio),
  }
  const sampler = samplers[root]()
  return isParentBased ? new sdk.ParentBasedSampler({ root: sampler }) : sampler
}

const TLS_NAMES = {
  ca: 'OTEL_EXPORTER_OTLP_CERTIFICATE',
  cert: 'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE',
  key: 'OTEL_EXPORTER_OTLP_CLIENT_KEY',
} as const

/** Throws a StartFault with every file that cannot be read. */
const readTlsFiles = (files: TraceOptions['tls_files']): Partial<Record<keyof typeof TLS_NAMES, Buffer>> => {
  const faults: string[] = []
  const read = (name: keyof typeof TLS_NAMES) => {
    const file = files[name]
    if (file === null) return {}
    try {
      return { [name]: readFileSync(file) }
    } catch (error) {
      faults.push(
        `${TLS_NAMES[name]} ${file} cannot be read (${errorCodeOf(error)}): name a file that this user can read`,
      )
      return {}
    }
  }
  const contents = { ...read('ca'), ...read('cert'), ...read('key') }
  if (faults.length > 0) throw new StartFault(faults)
  return contents
}

/** Logs once that the collector takes no spans, and once that it does again. */
const complaining = (exporter: Sdk.SpanExporter, log: Log): Sdk.SpanExporter => {
  let isAway = false
  return {
    export: (spans, done) =>
      exporter.export(spans, result => {
        const hasFailed = result.error !== undefined
        if (hasFailed && !isAway) log.warn({ component: 'traces', ...causeOf(result.error) }, AWAY)
        if (!hasFailed && isAway)
          log.info({ component: 'traces' }, 'the collector of traces takes spans again')
        isAway = hasFailed
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
}

const AWAY = 'the collector of traces takes no spans: those of this time are lost'

/** Without the text of the answer, which may repeat what was sent. */
const causeOf = (error: Error | undefined) => {
  const code: unknown = error === undefined ? undefined : Reflect.get(error, 'code')
  if (typeof code === 'number') return { receiver_status: code }
  return { error: typeof code === 'string' ? code : (error?.message ?? 'unknown') }
}
