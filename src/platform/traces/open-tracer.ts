import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context, Span, Tracer as SpanSource } from '@opentelemetry/api'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { Note, SpanAttributes, SpanStart, TraceOptions, Tracer } from '../../ports/traces.ts'
import { type Around, createProvider, loadPackages, type Packages } from './provider.ts'
import { formatTraceparent, parseTraceparent } from './traceparent.ts'

/** The end of the process waits this long for the last spans, whatever the collector does. */
const FLUSH_MILLISECONDS = 2_000

/**
 * Loads OpenTelemetry, and sends spans to the collector. Rejects with a StartFault where the packages are absent, or a file cannot be read.
 * `close` resolves within two seconds.
 */
export const openTracer = async (
  options: TraceOptions,
  around: Around,
): Promise<Tracer & Readonly<{ close: () => Promise<void> }>> => {
  const packages = await loadPackages()
  const provider = createProvider(packages, options, around)
  return {
    ...createTracer(packages, { source: provider.getTracer('signet', around.instance.version), ...options }),
    close: async () => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, FLUSH_MILLISECONDS)
      })
      // What could not be sent has been logged.
      await Promise.race([provider.shutdown().catch(() => undefined), late])
      clearTimeout(timer)
    },
  }
}

type Needs = Readonly<{ source: SpanSource }> & Pick<TraceOptions, 'isPropagated'>

/** Where in which trace the work under way is. */
type Place = Readonly<{
  span: Span
  context: Context
  /** The request, or the other work, that the trace is of. */
  root: { readonly span: Span; isOver: boolean }
}>

/**
 * A place follows the work through its awaits (AsyncLocalStorage), so that no function passes it down. A timer or a loop that a request has
 * started keeps the place of that request: after its end there is no place any more, and later work is not ascribed to it.
 */
const createTracer = ({ api }: Packages, { source, isPropagated }: Needs): Tracer => {
  const places = new AsyncLocalStorage<Place>()
  const kinds = { server: api.SpanKind.SERVER, client: api.SpanKind.CLIENT, internal: api.SpanKind.INTERNAL }

  const begin = ({ name, kind, attributes = {} }: SpanStart, parent: Context) => {
    const span = source.startSpan(name, { kind: kinds[kind], attributes }, parent)
    return { span, context: api.trace.setSpan(parent, span) }
  }
  const perform = async <T>(place: Place, work: (note: Note) => Promise<T>): Promise<T> => {
    const { span } = place
    const note = (attributes: SpanAttributes, name?: string) => {
      span.setAttributes(attributes)
      if (name !== undefined) span.updateName(name)
      if ('error.type' in attributes) span.setStatus({ code: api.SpanStatusCode.ERROR })
    }
    try {
      return await places.run(place, () => work(note))
    } catch (error) {
      note({ 'error.type': typeOf(error) })
      throw error
    } finally {
      span.end()
    }
  }
  const current = (): Place | null => {
    const place = places.getStore()
    return place === undefined || place.root.isOver ? null : place
  }
  const contextOf = (traceparent: string | undefined): Context => {
    const remote = isPropagated && traceparent !== undefined ? parseTraceparent(traceparent) : null
    return remote === null
      ? api.ROOT_CONTEXT
      : api.trace.setSpanContext(api.ROOT_CONTEXT, { ...remote, isRemote: true })
  }

  return {
    trace: async ({ traceparent, ...start }, work) => {
      const { span, context } = begin(start, contextOf(traceparent))
      const root = { span, isOver: false }
      try {
        return await perform({ span, context, root }, work)
      } finally {
        root.isOver = true
      }
    },
    span: (start, work) => {
      const place = current()
      // Nothing below a root that is not sampled is.
      if (place === null || !place.root.span.isRecording()) return work(unheard)
      return perform({ ...begin(start, place.context), root: place.root }, work)
    },
    apart: work => places.exit(work),
    traceId: () => current()?.span.spanContext().traceId ?? null,
    traceparent: () => {
      const place = isPropagated ? current() : null
      return place && formatTraceparent(place.span.spanContext())
    },
  }
}

const unheard: Note = () => {}

/** The kind of an error, and never its message, which may repeat a value. */
const typeOf = (error: unknown): string =>
  errorCodeOf(error) ?? (error instanceof Error ? error.name : 'unknown')
