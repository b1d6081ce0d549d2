import { parse } from 'postgres-array'

const serialize = (items: readonly (string | number | null)[]): string => `{${items.map(encode).join(',')}}`

const encode = (item: string | number | null): string =>
  item === null ? 'NULL' : `"${String(item).replace(/["\\]/g, String.raw`\$&`)}"`

/**
 * PostgreSQL, "Array Input and Output Syntax" – The array types that statements take and return, by their OIDs (pg_type.dat), which
 * are the same everywhere. postgres.js 3.4.9 would ask each new connection for them, and catches no fault of that query: a Postgres
 * that is slow at that moment would end the process.
 */
export const arrayTypes = {
  // text[], uuid[]
  strings: { to: 1009, from: [1009, 2951], serialize, parse: (text: string) => parse(text) },
  // int[]
  numbers: { to: 1007, from: [1007], serialize, parse: (text: string) => parse(text, Number) },
}
