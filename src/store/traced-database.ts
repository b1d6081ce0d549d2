import type { Sql } from 'postgres'
import { errorCodeOf } from '../domain/base/error-code.ts'
import type { SpanAttributes, Tracer } from '../ports/traces.ts'
import type { Database } from './postgres/index.ts'

const SYSTEM = { 'db.system.name': 'postgresql' }
/** The summary of work whose statements are sent later, and of a statement that names no table. */
const TRANSACTION = 'transaction'
/** OpenTelemetry, "Database spans" – The length of a summary, at most. */
const SUMMARY_MAX_CHARACTERS = 255

/**
 * OpenTelemetry, "PostgreSQL spans" – A span for each statement or transaction of a request, from its wait for a connection to its answer.
 * Its summary says what the constant text does to which tables. It has neither the text nor a parameter.
 */
export const traceDatabase = (database: Database, tracer: Tracer): Database => ({
  ...database,
  run: query =>
    tracer.span({ name: 'postgresql', kind: 'client', attributes: SYSTEM }, async note => {
      let summary = TRANSACTION
      try {
        return await database.run((sql, caller) => {
          const { watched, seen } = watch(sql)
          const answer = query(watched, caller)
          summary = seen()
          return answer
        })
      } catch (error) {
        const code = errorCodeOf(error)
        if (code !== null) note({ 'db.response.status_code': code })
        throw error
      } finally {
        note(attributesOf(summary), summary)
      }
    }),
  batches: {
    apart: tracer.apart,
    entry: (summary, work) =>
      tracer.span(
        { name: summary, kind: 'client', attributes: { ...SYSTEM, ...attributesOf(summary) } },
        work,
      ),
  },
})

/** Notes which statement is made. A fragment is made before the statement that it is part of, so that the last one is the statement. */
const watch = (sql: Sql): Readonly<{ watched: Sql; seen: () => string }> => {
  let last: TemplateStringsArray | null = null
  const watched = new Proxy(sql, {
    apply: (target, self, parts: readonly unknown[]) => {
      const [first] = parts
      if (isTemplate(first)) last = first
      return Reflect.apply(target, self, parts)
    },
    get: (target, name) => {
      if (name === 'begin') last = null
      return Reflect.get(target, name)
    },
  })
  return { watched, seen: () => (last === null ? TRANSACTION : summaryOf(last)) }
}

const isTemplate = (value: unknown): value is TemplateStringsArray => Array.isArray(value) && 'raw' in value

const summaries = new WeakMap<TemplateStringsArray, string>()

/** OpenTelemetry, "Generating query summary" – The operations of a statement and their tables; reads only where it writes nothing. */
const summaryOf = (strings: TemplateStringsArray): string => {
  const known = summaries.get(strings)
  if (known !== undefined) return known
  const uses = [
    ...strings.join(' ? ').matchAll(/\b(insert into|update|delete from|from|join)\s+signet\.(\w+)/g),
  ].map(([, clause = '', table = '']) => ({ operation: OPERATIONS.get(clause) ?? 'select', table }))
  const writes = uses.filter(({ operation }) => operation !== 'select')
  const named = (writes.length > 0 ? writes : uses).map(({ operation, table }) => `${operation} ${table}`)
  const summary = [...new Set(named)].join(' ').slice(0, SUMMARY_MAX_CHARACTERS) || TRANSACTION
  summaries.set(strings, summary)
  return summary
}

const OPERATIONS: ReadonlyMap<string, string> = new Map([
  ['insert into', 'insert'],
  ['update', 'update'],
  ['delete from', 'delete'],
])

/** One operation is also named by itself. */
const attributesOf = (summary: string): SpanAttributes => {
  const [operation = '', ...rest] = summary.split(' ')
  return { 'db.query.summary': summary, ...(rest.length === 1 ? { 'db.operation.name': operation } : {}) }
}
