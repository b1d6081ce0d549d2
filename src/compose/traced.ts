import { type Config, traceOptionsOf } from '../config.ts'
import { HOOK_SIGNATURE_HEADER } from '../domain/outbound/hook.ts'
import { traceRedis } from '../ephemeral/traced-redis.ts'
import { systemRandom } from '../platform/random.ts'
import { openTracer } from '../platform/traces/open-tracer.ts'
import { VERSION } from '../platform/version.ts'
import type { Log, Passwords } from '../ports/effects.ts'
import type { Keys } from '../ports/keys.ts'
import type { Outbound, OutboundOutcome } from '../ports/outbound.ts'
import type { SpanAttributes, Tracer } from '../ports/traces.ts'
import { traceDatabase } from '../store/traced-database.ts'
import type { OnClose, OpenParts } from './open.ts'

/** Null where traces are off: OpenTelemetry is not loaded then, and nothing is wrapped. Rejects with a StartFault. */
export const composeTracer = async (config: Config, log: Log, onClose: OnClose): Promise<Tracer | null> => {
  const options = traceOptionsOf(config)
  if (options === null) return null
  const { close, ...tracer } = await openTracer(options, {
    log,
    instance: { version: VERSION, id: systemRandom.tokenId() },
  })
  onClose(close)
  return tracer
}

/** The parts that take a request's time, with a span for each use of them. */
export const tracedParts = (opened: OpenParts, tracer: Tracer | null): OpenParts => {
  if (tracer === null) return opened
  if (opened.redis !== null) traceRedis(opened.redis, tracer)
  return {
    ...opened,
    database: traceDatabase(opened.database, tracer),
    keys: { ...opened.keys, ...traceKeys(opened.keys, tracer) },
    outbound: { ...opened.outbound, ...traceOutbound(opened.outbound, tracer) },
    passwords: { ...opened.passwords, ...tracePasswords(opened.passwords, tracer) },
  }
}

/** Each line that is written during a request names its trace. */
export const tracedLog = (log: Log, tracer: Tracer | null): Log => {
  if (tracer === null) return log
  const write =
    (level: keyof Log): Log['info'] =>
    (fields, message) => {
      const trace_id = tracer.traceId()
      log[level](trace_id === null ? fields : { ...fields, trace_id }, message)
    }
  return { info: write('info'), warn: write('warn'), error: write('error') }
}

const traceKeys = (keys: Keys, { span }: Tracer): Pick<Keys, 'sign' | 'signDetached'> => ({
  sign: (typ, claims) =>
    span({ name: 'sign', kind: 'internal', attributes: { 'signet.typ': typ } }, () => keys.sign(typ, claims)),
  signDetached: (typ, signed) =>
    span({ name: 'sign', kind: 'internal', attributes: { 'signet.typ': typ } }, () =>
      keys.signDetached(typ, signed),
    ),
})

const tracePasswords = (
  passwords: Passwords,
  { span }: Tracer,
): Pick<Passwords, 'hash' | 'findForm' | 'matches'> => ({
  hash: password => span({ name: 'hash password', kind: 'internal' }, () => passwords.hash(password)),
  findForm: (typed, digest) =>
    span({ name: 'verify password', kind: 'internal' }, () => passwords.findForm(typed, digest)),
  matches: (typed, digest) =>
    span({ name: 'verify password', kind: 'internal' }, () => passwords.matches(typed, digest)),
})

/** Ours (docs/decisions/0054) – The trace is handed on to hooks, which are the operator's, and to no server of others. */
export const traceOutbound = (outbound: Outbound, { span, traceparent }: Tracer): Outbound => ({
  send: request =>
    span({ name: request.method, kind: 'client', attributes: attributesOf(request) }, async note => {
      const handedOn = HOOK_SIGNATURE_HEADER in request.headers ? traceparent() : null
      const outcome = await outbound.send(
        handedOn === null ? request : { ...request, headers: { ...request.headers, traceparent: handedOn } },
      )
      note(resultOf(outcome))
      return outcome
    }),
})

/** Without the path and the query, which may hold a secret. */
const attributesOf = ({ method, url }: Readonly<{ method: string; url: string }>): SpanAttributes => {
  if (!URL.canParse(url)) return { 'http.request.method': method }
  const { protocol, hostname, port } = new URL(url)
  return {
    'http.request.method': method,
    'url.scheme': protocol.slice(0, -1),
    'server.address': hostname,
    'server.port': Number(port) || (protocol === 'http:' ? 80 : 443),
  }
}

/** OpenTelemetry, "HTTP spans" – An answer of 4xx is an error of the one that asked. */
const resultOf = (outcome: OutboundOutcome): SpanAttributes => {
  if (outcome.outcome !== 'answered') return { 'error.type': outcome.reason }
  const { status } = outcome
  return {
    'http.response.status_code': status,
    ...(status >= 400 ? { 'error.type': String(status) } : {}),
  }
}
