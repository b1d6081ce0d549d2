import {
  type AccountLine,
  type LineFault,
  parseAccountLine,
  readAccountMembers,
} from '../../domain/account/account-line.ts'
import { convertAuth0 } from '../../domain/moving/auth0.ts'
import { convertClerk } from '../../domain/moving/clerk.ts'
import { convertCognito } from '../../domain/moving/cognito.ts'
import { createConvertFirebase, type FirebaseHashConfig } from '../../domain/moving/firebase.ts'
import { convertKeycloak } from '../../domain/moving/keycloak.ts'
import {
  type ConvertRecord,
  type ImportedTotp,
  isRecord,
  type SourceRecord,
} from '../../domain/moving/source-record.ts'
import { convertSupabase } from '../../domain/moving/supabase.ts'
import { readLines } from '../terminal/lines.ts'
import {
  createCsvScanner,
  createJsonScanner,
  parseCsvRow,
  type RawRecord,
  splitRecords,
} from '../terminal/records.ts'

type Standard = Readonly<{ id: string; created_at: string }>

/** `left_out`: fields of the record that no account can have. Null: nothing to import, such as an empty line or the names of columns. */
export type RecordReading = Readonly<
  | { account: AccountLine; left_out: readonly string[]; totp: ImportedTotp | null }
  | { faults: readonly LineFault[] }
> | null

/** How an input is cut into records, and how a record is read. It lives for one import. */
export type ImportFormat = Readonly<{
  /** Distinguishes one reading of an input from another: their batches are not the same. */
  label: string
  split: (stream: AsyncIterable<Uint8Array>, take: (bytes: Uint8Array) => void) => AsyncIterable<RawRecord>
  read: (text: string, standard: Standard) => RecordReading
}>

/** Bytes of a line of `accounts export`, at most; an account takes less than a kilobyte. */
const LINE_MAX_BYTES = 16 * 1024
/** Bytes of a record of a provider, at most: it may have metadata of the application. */
const RECORD_MAX_BYTES = 256 * 1024

/** The JSON lines that `accounts export` writes. */
export const OWN_FORMAT: ImportFormat = {
  label: '',
  split: async function* (stream, take) {
    let line = 0
    for await (const { bytes } of readLines(stream, { max_bytes: LINE_MAX_BYTES, take })) {
      line += 1
      yield { bytes, line }
    }
  },
  read: (text, standard) => {
    if (text.trim() === '') return null
    const reading = parseAccountLine(text, standard)
    return 'faults' in reading ? reading : { ...reading, left_out: [], totp: null }
  },
}

type Provider = Readonly<{
  convert: (given: Readonly<{ firebase_hash_config: FirebaseHashConfig | null }>) => ConvertRecord
  /** The member that has the list of accounts; null: the records are the outermost objects. */
  member: string | null
  /** The names of the provider's fields, for faults of an import's line. */
  fields: Readonly<Partial<Record<string, string>>>
  /** The columns of a CSV without a row of their names. */
  columns?: readonly string[]
}>

/** Firebase CLI, "File format" of auth:import, as far as an account has them. */
const FIREBASE_COLUMNS = [
  'localId',
  'email',
  'emailVerified',
  'passwordHash',
  'salt',
  'displayName',
  'photoUrl',
  ...Array.from({ length: 16 }, (_, index) => `provider ${index}`),
  'createdAt',
  'lastLoginAt',
  'phoneNumber',
  'disabled',
  'customAttributes',
]

const PROVIDERS = {
  auth0: {
    convert: () => convertAuth0,
    member: null,
    fields: { external_id: 'user_id', password_digest: 'passwordHash', disabled: 'blocked' },
  },
  keycloak: {
    convert: () => convertKeycloak,
    member: 'users',
    fields: {
      external_id: 'id',
      password_digest: 'credentials',
      email_verified: 'emailVerified',
      disabled: 'enabled',
    },
  },
  firebase: {
    convert: ({ firebase_hash_config }) => createConvertFirebase(firebase_hash_config),
    member: 'users',
    fields: { external_id: 'localId', password_digest: 'passwordHash' },
    columns: FIREBASE_COLUMNS,
  },
  supabase: {
    convert: () => convertSupabase,
    member: null,
    fields: { external_id: 'id', password_digest: 'encrypted_password' },
  },
  clerk: {
    convert: () => convertClerk,
    member: null,
    fields: { external_id: 'id', email: 'primary_email_address', disabled: 'banned' },
  },
  cognito: {
    convert: () => convertCognito,
    member: 'Users',
    fields: { external_id: 'Username', id: 'sub', disabled: 'Enabled' },
  },
} as const satisfies Readonly<Record<string, Provider>>

export type ProviderName = keyof typeof PROVIDERS
export const PROVIDER_NAMES = Object.keys(PROVIDERS)

const isProvider = (name: string): name is ProviderName => Object.hasOwn(PROVIDERS, name)

export const findProvider = (name: string): ProviderName | null => (isProvider(name) ? name : null)

/** The export of a provider: CSV or JSON, told by its first character. */
export const createProviderFormat = (
  name: ProviderName,
  given: Readonly<{ firebase_hash_config: FirebaseHashConfig | null }>,
): ImportFormat => {
  const provider: Provider = PROVIDERS[name]
  const convert = provider.convert(given)
  let columns: readonly string[] | null = provider.columns ?? null
  let isCsv = false
  const parse = (text: string): SourceRecord | 'columns' | null => {
    if (!isCsv) return parseJson(text)
    const row = parseCsvRow(text)
    if (row === null) return null
    if (columns === null) {
      columns = row
      return 'columns'
    }
    if (!isOfColumns(row, columns, provider)) return null
    return Object.fromEntries(columns.map((column, index) => [column, row[index] ?? '']))
  }
  return {
    label: JSON.stringify([name, given]),
    split: async function* (stream, take) {
      const { source, first } = await peek(stream)
      isCsv = first !== '{' && first !== '['
      const createScanner = isCsv ? createCsvScanner : () => createJsonScanner(provider.member)
      yield* splitRecords(source, { createScanner, max_bytes: RECORD_MAX_BYTES, take })
    },
    read: (text, standard) => {
      const record = parse(text)
      if (record === 'columns') return null
      if (record === null) return { faults: [{ code: isCsv ? 'csv_invalid' : 'json_invalid', field: null }] }
      const converted = convert(record)
      if ('faults' in converted) return converted
      const reading = readAccountMembers(converted.line, standard)
      const { left_out, totp = null } = converted
      if (!('faults' in reading)) return { ...reading, left_out, totp }
      return { faults: reading.faults.map(fault => ({ ...fault, field: nameOf(provider, fault.field) })) }
    },
  }
}

/**
 * RFC 4180 §2 – A row has as many fields as there are names. A field without quotes that has a comma would move the ones behind it: a closed
 * account would be open. Firebase's command line ends each row with a comma, and writes the address of a picture without quotes.
 */
const isOfColumns = (row: readonly string[], { length }: readonly string[], { columns }: Provider): boolean =>
  row.length === length || (columns !== undefined && row.length === length + 1 && row[length] === '')

const nameOf = ({ fields }: Provider, field: string | null): string | null =>
  field === null ? null : (fields[field] ?? field)

const parseJson = (text: string): SourceRecord | null => {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

/** The first character of a stream that is no space and no byte order mark, and the stream with it. */
const peek = async (stream: AsyncIterable<Uint8Array>) => {
  const chunks = stream[Symbol.asyncIterator]()
  const head = await chunks.next()
  const start = head.done === true ? '' : Buffer.from(head.value).toString('utf8')
  const source = async function* (): AsyncGenerator<Uint8Array> {
    if (head.done === true) return
    yield head.value
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value
  }
  return {
    source: source(),
    first: start
      .replace(/^\ufeff/, '')
      .trimStart()
      .charAt(0),
  }
}
