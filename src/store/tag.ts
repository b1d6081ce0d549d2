import type { Sql, TransactionSql } from 'postgres'

/** The library's client as statements see it, and the process of Postgres that serves it; null until one was asked. */
export type Tagged = Readonly<{ sql: Sql; pid: () => number | null }>

/** Ours – Remembers the last statement, from which the library can tell whom it talks to. Costs nothing worth measuring. */
export const tag = (client: Sql): Tagged => {
  let last: unknown
  const wrap = <S extends Sql | TransactionSql>(sql: S): S =>
    new Proxy(sql, {
      apply: (target, self, parts) => {
        last = Reflect.apply(target, self, parts)
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

const pidOf = (query: unknown): number | null => {
  const state = memberOf(query, 'state')
  const pid = memberOf(state, 'pid')
  return typeof pid === 'number' ? pid : null
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
