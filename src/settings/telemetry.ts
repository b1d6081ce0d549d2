import { z } from 'zod'
import type { TraceSampler } from '../ports/traces.ts'
import { derivedInteger, integer, list, oneOf, optionalPath, parsed, quote, refuse, url } from './schemas.ts'
import type { Setting } from './setting.ts'

export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const satisfies readonly (TraceSampler | `parentbased_${TraceSampler}`)[]
/** Those of the specification that Signet has not. Other programs of a machine may be meant: they are refused only where traces are on. */
export const FOREIGN_SAMPLERS = ['parentbased_jaeger_remote', 'jaeger_remote', 'xray'] as const
const EXPORTERS = ['otlp', 'none', 'console', 'zipkin', 'logging'] as const
const PROTOCOLS = ['http/json', 'http/protobuf', 'grpc'] as const
const PROPAGATORS = new Set(['tracecontext', 'baggage', 'none', 'b3', 'b3multi', 'jaeger', 'xray', 'ottrace'])
export const OWN_PROPAGATORS = new Set(['tracecontext', 'baggage', 'none'])

const MILLISECONDS_MAX = 600_000
const SPANS_MAX = 65_536

/** OpenTelemetry, "Boolean value" – Ours: a text that is neither is refused. */
const isTrue = parsed('false', (value, context) =>
  /^(?:true|false)$/i.test(value)
    ? value.toLowerCase() === 'true'
    : refuse(context, `must be true or false, not ${quote(value)}`),
)

/** Without user and password, which would be printed with the address. A query would stand before the path that is added. */
const endpoint = (without: RegExp) =>
  url('http:', 'https:').transform((value, context) => {
    if (value === null) return null
    const { username, password } = new URL(value)
    return username === '' && password === '' && !without.test(value)
      ? value
      : refuse(context, 'must be a plain URL: a secret belongs in OTEL_EXPORTER_OTLP_HEADERS')
  })

const PAIRS =
  'must be name=value pairs separated by commas, with a comma or % in a value percent-encoded, each name once'

/** OpenTelemetry, "Resource SDK" – Pairs in the form of W3C Baggage, whose values are percent-encoded. The message repeats no value. */
const pairs = (isName: RegExp, isValue: RegExp) =>
  list.transform((items, context): Readonly<Record<string, string>> => {
    const read = items.map(item => {
      const [, name = '', encoded = ''] = /^([^=]*)=(.*)$/s.exec(item) ?? []
      const value = decode(encoded.trim())
      return isName.test(name.trim()) && value !== null && isValue.test(value) ? [name.trim(), value] : null
    })
    const known = read.filter(pair => pair !== null)
    const names = new Set(known.map(([name = '']) => name.toLowerCase()))
    return names.size === items.length
      ? (Object.fromEntries(known) as Readonly<Record<string, string>>)
      : refuse(context, PAIRS)
  })

const decode = (text: string): string | null => {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** RFC 9110 §5.5, §5.6.2 – What a header may be called, and hold. */
const headerPairs = pairs(/^[!#$%&'*+.^_`|~\w-]+$/, /^[\t\x20-\x7e]*$/)
const headers = headerPairs.transform(
  (named): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(named).map(([name, value]) => [name.toLowerCase(), value])),
)
const attributes = pairs(/^[\x21-\x7e]{1,255}$/, /^[^\p{Cc}]{0,255}$/u)

const ratio = parsed('1.0', (value, context) =>
  /^(?:\d*\.)?\d+$/.test(value) && Number(value) <= 1
    ? Number(value)
    : refuse(context, `must be a number from 0 to 1, not ${quote(value)}`),
)

const propagators = z
  .string()
  .default('tracecontext,baggage')
  .transform((value, context) => {
    const names = value.split(',').map(name => name.trim())
    const wrong = names.find(name => !PROPAGATORS.has(name))
    return wrong === undefined
      ? names
      : refuse(context, `must not name ${quote(wrong)}, which is no propagator`)
  })

/** Traces, by the variables of the OpenTelemetry specification, and the log. docs/traces.md says what there is to see. */
export const TELEMETRY_SETTINGS = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    schema: endpoint(/[?#]/),
    standard: 'unset: no traces',
    help: 'URL of a collector that takes traces as OTLP over HTTP in JSON, such as `http://localhost:4318`; `/v1/traces` is added. Traces are on where this or the next one is set. See docs/traces.md.',
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    schema: endpoint(/#/),
    standard: 'follows `OTEL_EXPORTER_OTLP_ENDPOINT`',
    help: 'The whole URL that takes traces, to which nothing is added.',
  },
  OTEL_SDK_DISABLED: { ...isTrue, help: '`true`: no traces, whatever else is set.' },
  OTEL_TRACES_EXPORTER: {
    ...oneOf('otlp', EXPORTERS),
    help: '`none`: no traces. Where traces are on, `otlp` is the only other one.',
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    ...oneOf('http/json', PROTOCOLS),
    help: 'Where traces are on, `http/json` is the only one.',
  },
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: {
    schema: z
      .enum(PROTOCOLS, { error: `must be ${PROTOCOLS.slice(0, -1).join(', ')} or ${PROTOCOLS.at(-1)}` })
      .optional(),
    standard: 'follows `OTEL_EXPORTER_OTLP_PROTOCOL`',
    help: 'The same, for traces alone.',
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    schema: headers,
    standard: 'none',
    help: 'Headers that the collector asks for, such as `authorization=Bearer%20…`: pairs separated by commas, values percent-encoded.',
    isSecret: true,
  },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: {
    schema: headers,
    standard: 'none',
    help: 'More of them, for traces alone; of one name, these count.',
    isSecret: true,
  },
  OTEL_EXPORTER_OTLP_TIMEOUT: {
    ...integer({ standard: 10_000, least: 1, most: MILLISECONDS_MAX }),
    help: 'Milliseconds of one export, with its retries.',
  },
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: {
    ...derivedInteger({ least: 1, most: MILLISECONDS_MAX }),
    standard: 'follows `OTEL_EXPORTER_OTLP_TIMEOUT`',
    help: 'The same, for traces alone.',
  },
  OTEL_EXPORTER_OTLP_COMPRESSION: {
    // The exporter reads this variable itself.
    ...oneOf('none', ['none', 'gzip']),
    help: 'Whether exports are compressed.',
  },
  OTEL_EXPORTER_OTLP_CERTIFICATE: {
    schema: optionalPath,
    standard: 'unset: those that Node trusts',
    help: 'File in PEM: the authorities that may certify the collector.',
  },
  OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: {
    schema: optionalPath,
    standard: 'unset',
    help: 'File in PEM: the certificate that the collector is shown, with its chain.',
  },
  OTEL_EXPORTER_OTLP_CLIENT_KEY: {
    schema: optionalPath,
    standard: 'unset',
    help: 'File in PEM: the key of that certificate.',
  },
  OTEL_SERVICE_NAME: {
    schema: z.string().max(255, 'must be 255 characters at most').optional(),
    standard: '`service.name` of `OTEL_RESOURCE_ATTRIBUTES`, else `signet`',
    help: 'The name of this service in traces.',
  },
  OTEL_RESOURCE_ATTRIBUTES: {
    schema: attributes,
    standard: 'none',
    help: 'What every span says of this instance, such as `deployment.environment.name=production`: pairs separated by commas, values percent-encoded.',
  },
  OTEL_TRACES_SAMPLER: {
    ...oneOf('parentbased_always_on', [...SAMPLERS, ...FOREIGN_SAMPLERS]),
    help: 'Which requests are traced: `always_on`, `always_off` or `traceidratio`, or with `parentbased_` before it: as a caller says who traces, else so. A remote or foreign sampler is refused where traces are on.',
  },
  OTEL_TRACES_SAMPLER_ARG: { ...ratio, help: 'The share of requests that `traceidratio` traces. 0–1.' },
  OTEL_PROPAGATORS: {
    schema: propagators,
    standard: '`tracecontext,baggage`',
    help: '`tracecontext`: the trace of a caller is continued, and handed on to hooks (W3C Trace Context). `none`: neither. Baggage is never read.',
  },
  OTEL_BSP_SCHEDULE_DELAY: {
    ...integer({ standard: 5_000, least: 1, most: MILLISECONDS_MAX }),
    help: 'Milliseconds between two exports.',
  },
  OTEL_BSP_EXPORT_TIMEOUT: {
    ...integer({ standard: 30_000, least: 1, most: MILLISECONDS_MAX }),
    help: 'Milliseconds after which an export is given up, and the next one begins.',
  },
  OTEL_BSP_MAX_QUEUE_SIZE: {
    ...integer({ standard: 2_048, least: 1, most: SPANS_MAX }),
    help: 'Spans that wait for their export, at most; further ones are dropped.',
  },
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: {
    ...integer({ standard: 512, least: 1, most: SPANS_MAX }),
    help: 'Spans of one export, at most.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>
