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

/**
 * PostgreSQL, "Binary Data Types" – Both forms in which bytes may come: behind a pooler, bytea_output is as the database has it, and
 * postgres.js 3.4.9 would take the escape form for hex without a word.
 */
export const byteaType = {
  bytes: {
    to: 17,
    from: [17],
    serialize: (bytes: Uint8Array) => `\\x${Buffer.from(bytes).toString('hex')}`,
    parse: (text: string) =>
      text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : unescapeBytes(text),
  },
}

const unescapeBytes = (text: string): Buffer =>
  Buffer.from(
    text.replace(/\\(\\|[0-7]{3})/g, (_, code: string) =>
      code === '\\' ? code : String.fromCharCode(Number.parseInt(code, 8)),
    ),
    'latin1',
  )
