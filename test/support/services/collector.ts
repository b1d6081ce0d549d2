import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { z } from 'zod'

type Values = Readonly<Record<string, string | number>>

export type CollectedSpan = Readonly<{
  traceId: string
  spanId: string
  parentSpanId: string | null
  name: string
  kind: 'internal' | 'server' | 'client'
  attributes: Values
  hasFailed: boolean
  resource: Values
}>

/** OTLP, "JSON Protobuf Encoding" – What an export has. An unknown member fails. */
const VALUE = z.union([
  z.strictObject({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.strictObject({ intValue: z.number() }).transform(({ intValue }) => intValue),
])
const ATTRIBUTES = z
  .array(z.strictObject({ key: z.string(), value: VALUE }))
  .transform((pairs): Values => Object.fromEntries(pairs.map(({ key, value }) => [key, value])))
const KINDS = { 1: 'internal', 2: 'server', 3: 'client' } as const
const TIME = z.string().regex(/^\d{19}$/)
const NONE = z.tuple([])
const SPAN = z.strictObject({
  traceId: z.string().regex(/^[\da-f]{32}$/),
  spanId: z.string().regex(/^[\da-f]{16}$/),
  parentSpanId: z
    .string()
    .regex(/^[\da-f]{16}$/)
    .optional(),
  name: z.string(),
  kind: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  startTimeUnixNano: TIME,
  endTimeUnixNano: TIME,
  attributes: ATTRIBUTES,
  droppedAttributesCount: z.literal(0),
  events: NONE,
  droppedEventsCount: z.literal(0),
  links: NONE,
  droppedLinksCount: z.literal(0),
  flags: z.number(),
  status: z.strictObject({ code: z.union([z.literal(0), z.literal(2)]) }),
})
const EXPORT = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: ATTRIBUTES, droppedAttributesCount: z.literal(0) }),
      scopeSpans: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.literal('signet'), version: z.string() }),
          spans: z.array(SPAN),
        }),
      ),
    }),
  ),
})

const spansOf = (text: string): readonly CollectedSpan[] =>
  EXPORT.parse(JSON.parse(text)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId = null, name, kind, attributes, status }) => ({
        traceId,
        spanId,
        parentSpanId,
        name,
        kind: KINDS[kind],
        attributes,
        hasFailed: status.code === 2,
        resource: resource.attributes,
      })),
    ),
  )

/** A collector of traces on loopback, which parses each export. `environment` switches traces on, and sends each span soon after its end. */
export const openCollector = async () => {
  const spans: CollectedSpan[] = []
  const texts: string[] = []
  const heads: Readonly<{ url: string; headers: IncomingHttpHeaders }>[] = []
  let status = 200
  let isHanging = false
  const server = createServer((request, response) => {
    const take = async () => {
      const body = await buffer(request)
      heads.push({ url: request.url ?? '', headers: request.headers })
      if (isHanging) return
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()
      if (status === 200) {
        texts.push(text)
        spans.push(...spansOf(text))
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    }
    void take()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '20' },
    spans,
    heads,
    /** Everything that was exported, as text. */
    text: () => texts.join('\n'),
    answerWith: (next: number) => {
      status = next
    },
    /** From now on no export is answered. */
    hang: () => {
      isHanging = true
    },
    /** Breaks off the exports that hang, and takes further ones. */
    resume: () => {
      isHanging = false
      server.closeAllConnections()
    },
    /** The spans of a trace, when the span that was begun by the request has come. */
    trace: async (traceId: string) => {
      await expect
        .poll(() => spans.some(span => span.traceId === traceId && span.kind === 'server'), {
          timeout: 10_000,
        })
        .toBe(true)
      return spans.filter(span => span.traceId === traceId)
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export type Collector = Awaited<ReturnType<typeof openCollector>>
