/** Traces (OpenTelemetry). A part that is traced gets a tracer, or null where traces are off. */

/** Every attribute that a span may have: docs/traces.md says what each tells. None has a value that a stranger has chosen. */
export type SpanAttribute =
  | 'http.request.method'
  | 'http.route'
  | 'http.response.status_code'
  | 'url.scheme'
  | 'server.address'
  | 'server.port'
  | 'error.type'
  | 'db.system.name'
  | 'db.operation.name'
  | 'db.query.summary'
  | 'db.response.status_code'
  | 'signet.request_id'
  | 'signet.error'
  | 'signet.reason'
  | 'signet.delivery'
  | 'signet.outcome'
  | 'signet.typ'

export type SpanAttributes = Readonly<Partial<Record<SpanAttribute, string | number>>>

export type SpanStart = Readonly<{
  name: string
  kind: 'server' | 'client' | 'internal'
  attributes?: SpanAttributes
}>

/** Adds attributes to a span before it ends, and renames it. `error.type` marks the span as failed. */
export type Note = (attributes: SpanAttributes, name?: string) => void

/** No verb fails, and none waits for the collector. What `work` throws passes through, and marks its span as failed. */
export type Tracer = Readonly<{
  /** A request or another piece of work of its own. Continues the trace of a valid `traceparent` (W3C Trace Context §3.2). */
  trace<T>(
    start: SpanStart & Readonly<{ traceparent?: string | undefined }>,
    work: (note: Note) => Promise<T>,
  ): Promise<T>
  /** A step of the work under way. Outside of a trace, and after its end, `work` runs without a span. */
  span<T>(start: SpanStart, work: (note: Note) => Promise<T>): Promise<T>
  /** Runs what several requests share: its steps belong to none of their traces. */
  apart<T>(work: () => T): T
  /** The trace of the work under way: 32 hexadecimal digits. Null outside of a trace, and after its end. */
  traceId(): string | null
  /** The header that hands the trace on (W3C Trace Context §3.2). Null where `traceId` is. */
  traceparent(): string | null
}>

export type TraceSampler = 'always_on' | 'always_off' | 'traceidratio'

export type TraceOptions = Readonly<{
  /** Where spans are sent by POST. */
  url: string
  headers: Readonly<Record<string, string>>
  /** Of one export, with its retries. */
  timeout_milliseconds: number
  /** Files in PEM, null where Node's own apply: who may certify the collector, and the certificate that Signet shows it. */
  tls_files: Readonly<Record<'ca' | 'cert' | 'key', string | null>>
  /** What every span says of this process. */
  resource: Readonly<Record<string, string>>
  sampler: Readonly<{ root: TraceSampler; ratio: number; isParentBased: boolean }>
  /** Whether the trace of a caller is continued, and handed on. */
  isPropagated: boolean
  batch: Readonly<{
    delay_milliseconds: number
    timeout_milliseconds: number
    queue_spans: number
    export_spans: number
  }>
}>
