import type { Sql, TransactionSql } from 'postgres'
import { errorCodeOf } from '../domain/base/error-code.ts'
import type { SpanAttributes, Tracer } from '../ports/traces.ts'
import type { Database } from './postgres/index.ts'

const SYSTEM = { 'db.system.name': 'postgresql' }
/** The name of a statement that was not sent, or that names no table. */
const UNNAMED = 'postgresql'
/** OpenTelemetry, "Database spans" – The length of a summary, at most. */
const SUMMARY_MAX_CHARACTERS = 255

/**
 * OpenTelemetry, "PostgreSQL spans" – A span for each statement or transaction of a request, from its wait for a connection to its answer.
 * Its summary says what the constant text does to which tables. It has neither the text nor a parameter.
 */
export const traceDatabase = (database: Database, tracer: Tracer): Database => ({
  ...database,
  run: (query, row) =>
    tracer.span({ name: UNNAMED, kind: 'client', attributes: SYSTEM }, async note => {
      const texts = new Set<TemplateStringsArray>()
      try {
        return await database.run((sql, caller) => query(watch(sql, texts), caller), row)
      } catch (error) {
        const code = errorCodeOf(error)
        if (code !== null) note({ 'db.response.status_code': code })
        throw error
      } finally {
        const summary = summaryOf(texts)
        if (summary !== '') note(attributesOf(summary), summary)
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

/** Collects the constant texts that a statement is made of, and those of a transaction. */
const watch = <S extends Sql | TransactionSql>(sql: S, texts: Set<TemplateStringsArray>): S =>
  new Proxy(sql, {
    apply: (target, self, parts: readonly unknown[]) => {
      const [first] = parts
      if (isTemplate(first)) texts.add(first)
      return Reflect.apply(target, self, parts)
    },
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name)
      if (name !== 'begin' || typeof member !== 'function') return member
      return (...parts: readonly unknown[]) => {
        const work = parts.at(-1)
        if (typeof work !== 'function') throw new TypeError('a transaction is a function')
        const watched = (held: TransactionSql) => Reflect.apply(work, undefined, [watch(held, texts)])
        return Reflect.apply(member, target, [...parts.slice(0, -1), watched])
      }
    },
  })

const isTemplate = (value: unknown): value is TemplateStringsArray => Array.isArray(value) && 'raw' in value

/** OpenTelemetry, "Generating query summary" – The operations and their tables; reads only where nothing is written. */
const summaryOf = (texts: ReadonlySet<TemplateStringsArray>): string => {
  // A fragment is made before the statement that it is part of.
  const uses = [...texts].toReversed().flatMap(usesOf)
  const writes = uses.filter(use => !use.startsWith('select '))
  return [...new Set(writes.length > 0 ? writes : uses)].join(' ').slice(0, SUMMARY_MAX_CHARACTERS)
}

const known = new WeakMap<TemplateStringsArray, readonly string[]>()

/** What a text does to each table that it names, once for each text. */
const usesOf = (text: TemplateStringsArray): readonly string[] => {
  const before = known.get(text)
  if (before !== undefined) return before
  const clauses = text.join(' ? ').matchAll(/\b(insert into|update|delete from|from|join)\s+signet\.(\w+)/g)
  const uses = [...clauses].map(
    ([, clause = '', table = '']) => `${OPERATIONS.get(clause) ?? 'select'} ${table}`,
  )
  known.set(text, uses)
  return uses
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
