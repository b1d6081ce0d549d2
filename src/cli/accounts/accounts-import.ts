import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { type Command, CommanderError } from 'commander'
import { readSettings } from '../../config.ts'
import { NONCE_BYTES, seal } from '../../domain/factors/sealed-secret.ts'
import { parseFirebaseHashConfig } from '../../domain/moving/firebase.ts'
import { systemRandom } from '../../platform/random.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { Io } from '../terminal/io.ts'
import { openProgress } from '../terminal/progress.ts'
import { readText } from '../terminal/text-input.ts'
import {
  createProviderFormat,
  findProvider,
  type ImportFormat,
  OWN_FORMAT,
  PROVIDER_NAMES,
} from './import-formats.ts'
import { type BatchReading, createBatch, storeBatch } from './import-lines.ts'
import { fail, type Options, refuseCommand, withAccounts } from './with-accounts.ts'

/** Lines of a batch, refused ones included: an import that is run again skips the batches that it finds stored. */
const BATCH_LINES = 500

/** Adds `accounts import`. Exit code 0 when every line was taken, 1 when lines were refused, 2 when the import could not go on. */
export const addAccountsImportCommand = (accounts: Command, io: Io): void => {
  accounts
    .command('import')
    .description(
      'create the accounts of a file of JSON lines; after an interruption, run it again to go on where it stopped',
    )
    .argument('<file>', 'the path of the file, or - for standard input')
    .option('--from <provider>', `read the export of a provider: ${PROVIDER_NAMES.join(', ')}`)
    .option('--firebase-hash-config <file>', 'the password hash parameters of the Firebase project')
    .option('--dry-run', 'judge every account and report, without a database')
    .option(
      '--allow-administrators',
      'take lines with the role signet:admin or signet:viewer, which are refused otherwise; with --again after a run without it',
    )
    .option('--again', 'try every line anew, also those that an earlier run imported')
    .option('--json', 'print the summary on standard output, as the last line, as JSON')
    .action((path: string, options: ImportOptions) => importAccounts(io, path, options))
}

type ImportOptions = Options &
  Readonly<{
    again?: boolean
    from?: string
    firebaseHashConfig?: string
    dryRun?: boolean
    allowAdministrators?: boolean
  }>
type Importing = Readonly<{ source: Source; reading: BatchReading }>
type Source = Readonly<{ stream: Readable; bytes: number | null; close: () => Promise<void> }>
type Summary = Readonly<{
  lines: number
  created: number
  created_before: number
  refused: number
  /** Accounts without a field of their record. Of a provider's export alone. */
  left_out?: number
}>

const importAccounts = async (io: Io, path: string, options: ImportOptions): Promise<void> => {
  const format = await openFormat(io, options)
  if (typeof format === 'string') return refuseCommand(io, options, format)
  const sealTotp = readSealTotp(io, options)
  const source = await openSource(io, path)
  if (typeof source === 'string') return refuseCommand(io, options, source)
  const work = async (store: Pick<AccountAdministration, 'importBatch'>) => {
    try {
      return await carryOut(
        io,
        { source, reading: { format, sealTotp, mayAdminister: options.allowAdministrators === true } },
        store,
        options,
      )
    } finally {
      await source.close()
    }
  }
  const summary: Summary = options.dryRun ? await work(STORES_NOTHING) : await withAccounts(io, options, work)
  if (summary.lines === 0 && format !== OWN_FORMAT)
    return refuseCommand(
      io,
      options,
      `${path} has no record of ${options.from}: name the file that it has exported`,
    )
  if (options.json) io.out(JSON.stringify({ summary }))
  else io.err(`${options.dryRun ? 'nothing is stored; ' : ''}${describe(summary)}`)
  if (summary.refused > 0) throw new CommanderError(1, 'signetd.refused', `lines refused: ${summary.refused}`)
}

/** For a trial: every account that can be judged without a database counts as created. */
const STORES_NOTHING: Pick<AccountAdministration, 'importBatch'> = {
  importBatch: async ({ accounts }) => ({
    is_new: true,
    created: accounts.length,
    email_taken: [],
    id_taken: [],
    external_id_taken: [],
  }),
}

const CONFIG_MAX_BYTES = 16_384

const openFormat = async (io: Io, options: ImportOptions): Promise<ImportFormat | string> => {
  const { from, firebaseHashConfig: path } = options
  if (from === undefined) return OWN_FORMAT
  const name = findProvider(from)
  if (name === null) return `--from must be one of ${PROVIDER_NAMES.join(', ')}`
  if (path === undefined) return createProviderFormat(name, { firebase_hash_config: null })
  const read = await readText(io, { path, max_bytes: CONFIG_MAX_BYTES })
  if ('fault' in read) return read.fault
  const firebase_hash_config = parseFirebaseHashConfig(read.text)
  return firebase_hash_config === null
    ? `${path} must hold the hash_config of the Firebase console, with algorithm SCRYPT`
    : createProviderFormat(name, { firebase_hash_config })
}

/** Null without the pepper of the servers, under which they open secrets. */
const readSealTotp = (io: Io, options: ImportOptions): BatchReading['sealTotp'] => {
  if (options.from === undefined) return null
  const reading = readSettings(['REFRESH_TOKEN_PEPPER'], io.environment)
  if ('faults' in reading) return fail(io, options, reading.faults)
  const [pepper] = reading.settings.REFRESH_TOKEN_PEPPER ?? []
  if (pepper === undefined) return null
  return (secret, owner) => seal(secret, { owner, nonce: systemRandom.bytes(NONCE_BYTES) }, pepper)
}

const openSource = async ({ input }: Io, path: string): Promise<Source | string> => {
  if (path === '-') {
    if (input === undefined) return 'there is no standard input: name a file'
    return { stream: input, bytes: null, close: async () => {} }
  }
  try {
    const file = await open(path)
    const state = await file.stat()
    if (state.isDirectory()) {
      await file.close()
      return `${path} is a directory: name a file`
    }
    const bytes = state.isFile() ? state.size : null
    return { stream: file.createReadStream({ autoClose: false }), bytes, close: () => file.close() }
  } catch (error) {
    const detail = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return `${path} cannot be read (${detail}): name a file that this user can read`
  }
}

/** Reads, judges and stores a batch at a time: memory holds one batch, however large the file is. */
const carryOut = async (
  io: Io,
  { source: { stream, bytes: total }, reading }: Importing,
  store: Pick<AccountAdministration, 'importBatch'>,
  { again = false }: ImportOptions,
): Promise<Summary> => {
  const { format } = reading
  const hash = createHash('sha256')
  hash.update(format.label)
  if (again) hash.update(systemRandom.uuid())
  const progress = openProgress(io.screen, { what: 'import', total })
  const created_at = new Date().toISOString()
  const sum = {
    lines: 0,
    created: 0,
    created_before: 0,
    refused: 0,
    ...(format === OWN_FORMAT ? {} : { left_out: 0 }),
  }
  let read_bytes = 0
  let batch = createBatch(reading)
  const take = (bytes: Uint8Array) => {
    hash.update(bytes)
    read_bytes += bytes.length
  }
  const finish = async () => {
    const { created, is_new, refusals } = await storeBatch(store, batch, hash.copy().digest())
    if (is_new) sum.created += created
    else sum.created_before += created
    sum.refused += new Set(refusals.map(({ line, record }) => record ?? line)).size
    if (sum.left_out !== undefined) sum.left_out += new Set(batch.left_out.map(({ record }) => record)).size
    for (const said of [...refusals, ...batch.left_out]) io.out(JSON.stringify(said))
    progress.show(read_bytes)
    batch = createBatch(reading)
  }
  try {
    for await (const record of format.split(stream, take)) {
      sum.lines += 1
      batch.add(sum.lines, record, { id: systemRandom.uuid(), created_at })
      if (sum.lines % BATCH_LINES === 0) await finish()
    }
    if (sum.lines % BATCH_LINES > 0) await finish()
    return sum
  } finally {
    progress.end()
  }
}

const describe = ({ lines, created, created_before, refused, left_out }: Summary): string =>
  [
    `lines: ${lines}`,
    `created: ${created}`,
    ...(created_before > 0 ? [`created by an earlier run: ${created_before}`] : []),
    `refused: ${refused}`,
    ...(left_out === undefined ? [] : [`without a field of their record: ${left_out}`]),
  ].join(', ')
