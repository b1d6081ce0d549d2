import { parse } from 'postgres-array'

/** Object ids of the types that statements name, from pg_type.dat: the same in every Postgres. */
export const OID = { bytea: 17, float8: 701, int_array: 1007, text_array: 1009, uuid_array: 2951 } as const

const serialize = (items: readonly (string | number | null)[]): string => `{${items.map(encode).join(',')}}`

const encode = (item: string | number | null): string =>
  item === null ? 'NULL' : `"${String(item).replace(/["\\]/g, String.raw`\$&`)}"`

/**
 * PostgreSQL, "Array Input and Output Syntax" – The array types that statements take and return. postgres.js 3.4.9 would query them on
 * each new connection and catches no error of that query: a Postgres that is slow at that moment would end the process.
 */
export const arrayTypes = {
  strings: {
    to: OID.text_array,
    from: [OID.text_array, OID.uuid_array],
    serialize,
    parse: (text: string) => parse(text),
  },
  numbers: {
    to: OID.int_array,
    from: [OID.int_array],
    serialize,
    parse: (text: string) => parse(text, Number),
  },
}

/** PostgreSQL, "Binary Data Types" – The hex format. */
export const byteaText = ({ buffer, byteOffset, length }: Uint8Array): string =>
  `\\x${Buffer.from(buffer, byteOffset, length).toString('hex')}`

/**
 * PostgreSQL, "Binary Data Types" – Reads both output formats: behind a pooler, bytea_output is the database's setting, and postgres.js
 * 3.4.9 would silently take the escape format for hex.
 */
export const byteaType = {
  bytes: {
    to: OID.bytea,
    from: [OID.bytea],
    serialize: byteaText,
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
