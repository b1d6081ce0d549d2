import type { z } from 'zod'
import type { TraceOptions, TraceSampler } from '../ports/traces.ts'
import { FOREIGN_SAMPLERS, OWN_PROPAGATORS, SAMPLERS, type TELEMETRY_SETTINGS } from './telemetry.ts'

type TraceSettings = {
  readonly [N in keyof typeof TELEMETRY_SETTINGS]: z.output<(typeof TELEMETRY_SETTINGS)[N]['schema']>
}

const areOn = (settings: Partial<TraceSettings>): boolean =>
  settings.OTEL_SDK_DISABLED === false &&
  settings.OTEL_TRACES_EXPORTER !== 'none' &&
  Boolean(settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)

/** Ours – A value of the specification that Signet has not is no reason to refuse a start without traces. */
export const judgeTraces = (settings: Partial<TraceSettings>): readonly string[] => {
  if (!areOn(settings)) return []
  const {
    OTEL_TRACES_EXPORTER: exporter = 'otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
    OTEL_TRACES_SAMPLER: sampler,
    OTEL_PROPAGATORS: names = [],
    OTEL_BSP_MAX_QUEUE_SIZE: queue,
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: batch,
  } = settings
  const [protocolName, protocol] =
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL === undefined
      ? ['OTEL_EXPORTER_OTLP_PROTOCOL', OTEL_EXPORTER_OTLP_PROTOCOL]
      : ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL]
  const foreign = names.find(name => !OWN_PROPAGATORS.has(name))
  const faults: string[] = []
  if (exporter !== 'otlp') faults.push(`OTEL_TRACES_EXPORTER must be otlp or none, not ${exporter}`)
  if (protocol !== undefined && protocol !== 'http/json')
    faults.push(
      `${protocolName} must be http/json, not ${protocol}: Signet sends JSON, to the port for HTTP of the collector (4318)`,
    )
  if (FOREIGN_SAMPLERS.some(name => name === sampler))
    faults.push(`OTEL_TRACES_SAMPLER must be ${SAMPLERS.slice(0, -1).join(', ')} or ${SAMPLERS.at(-1)}`)
  if (foreign !== undefined)
    faults.push(`OTEL_PROPAGATORS must be tracecontext, baggage or none, not ${foreign}`)
  if (queue !== undefined && batch !== undefined && batch > queue)
    faults.push(
      'OTEL_BSP_MAX_EXPORT_BATCH_SIZE must not be more than OTEL_BSP_MAX_QUEUE_SIZE: a full queue would be no batch',
    )
  return faults
}

/** What the settings ask for; null where traces are off. */
export const traceOptionsOf = (settings: TraceSettings): TraceOptions | null => {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whole } = settings
  const target = whole ?? (base === null ? null : `${base.replace(/\/$/, '')}/v1/traces`)
  if (!areOn(settings) || target === null) return null
  const { OTEL_RESOURCE_ATTRIBUTES: resource } = settings
  return {
    url: target,
    headers: { ...settings.OTEL_EXPORTER_OTLP_HEADERS, ...settings.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    timeout_milliseconds: settings.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? settings.OTEL_EXPORTER_OTLP_TIMEOUT,
    tls_files: {
      ca: settings.OTEL_EXPORTER_OTLP_CERTIFICATE,
      cert: settings.OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
      key: settings.OTEL_EXPORTER_OTLP_CLIENT_KEY,
    },
    resource: {
      ...resource,
      'service.name': settings.OTEL_SERVICE_NAME ?? resource['service.name'] ?? 'signet',
    },
    sampler: samplerOf(settings),
    isPropagated: settings.OTEL_PROPAGATORS.includes('tracecontext'),
    batch: {
      delay_milliseconds: settings.OTEL_BSP_SCHEDULE_DELAY,
      timeout_milliseconds: settings.OTEL_BSP_EXPORT_TIMEOUT,
      queue_spans: settings.OTEL_BSP_MAX_QUEUE_SIZE,
      export_spans: settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
    },
  }
}

const samplerOf = ({
  OTEL_TRACES_SAMPLER: name,
  OTEL_TRACES_SAMPLER_ARG: ratio,
}: TraceSettings): TraceOptions['sampler'] => {
  const roots: readonly TraceSampler[] = ['always_on', 'always_off', 'traceidratio']
  const root = roots.find(each => name.endsWith(each)) ?? 'always_on'
  return { root, ratio, isParentBased: name.startsWith('parentbased_') }
}
