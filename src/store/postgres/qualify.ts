import type { Sql, TransactionSql } from 'postgres'

/** A client of postgres.js for statements, and the Postgres process that serves it; null until a statement was sent. */
export type Tagged = Readonly<{ sql: Sql; pid: () => number | null }>

/** Rewrites the constant text of a statement. */
export type Rewrite = (strings: TemplateStringsArray) => TemplateStringsArray

/**
 * Ours – Statements qualify every table as `signet.users`. The prefix is replaced by the schema of DATABASE_SCHEMA, once for each template,
 * so that postgres.js still prepares each statement once.
 */
export const createQualify = (schema: string): Rewrite => {
  const known = new WeakMap<TemplateStringsArray, TemplateStringsArray>()
  const prefix = `${quoteIdentifier(schema)}.`
  const rewrite = (text: string) => text.replace(/\bsignet\./g, () => prefix)
  return strings => {
    const before = known.get(strings)
    if (before !== undefined) return before
    const rewritten = Object.assign(strings.map(rewrite), { raw: strings.raw.map(rewrite) })
    known.set(strings, rewritten)
    return rewritten
  }
}

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A client of its own, whose statements are qualified too. */
export const qualified = (client: Sql, schema: string): Sql => tag(client, createQualify(schema)).sql

/** Ours – Wraps a client: qualifies its statements and remembers the last one, in which postgres.js names the serving process. */
export const tag = (client: Sql, qualify: Rewrite): Tagged => {
  let last: unknown
  const wrap = <S extends Sql | TransactionSql>(sql: S): S =>
    new Proxy(sql, {
      apply: (target, self, [first, ...values]: readonly unknown[]) => {
        if (!isTemplate(first)) return Reflect.apply(target, self, [first, ...values])
        last = Reflect.apply(target, self, [qualify(first), ...values])
        return last
      },
      get: (target, name) => (name === 'begin' ? begin : Reflect.get(target, name)),
    })
  const begin = (...parts: readonly unknown[]) => {
    const work = parts.at(-1)
    if (typeof work !== 'function') throw new TypeError('a transaction is a function')
    const wrapped = (held: TransactionSql) => Reflect.apply(work, undefined, [wrap(held)])
    return Reflect.apply(Reflect.get(client, 'begin'), client, [...parts.slice(0, -1), wrapped])
  }
  return { sql: wrap(client), pid: () => pidOf(last) }
}

const isTemplate = (value: unknown): value is TemplateStringsArray => Array.isArray(value) && 'raw' in value

const pidOf = (query: unknown): number | null => {
  const state = memberOf(query, 'state')
  const pid = memberOf(state, 'pid')
  return typeof pid === 'number' ? pid : null
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
