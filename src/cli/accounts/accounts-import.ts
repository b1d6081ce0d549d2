import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { type Command, CommanderError } from 'commander'
import { systemRandom } from '../../platform/random.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { Io } from '../terminal/io.ts'
import { readLines } from '../terminal/lines.ts'
import { openProgress } from '../terminal/progress.ts'
import { createBatch, storeBatch } from './import-lines.ts'
import { type Options, refuseCommand, withAccounts } from './with-accounts.ts'

/** Lines of a batch, refused ones included: an import that is run again skips the batches that it finds stored. */
const BATCH_LINES = 500
/** Bytes of a line; an account takes less than a kilobyte. */
const LINE_MAX_BYTES = 16 * 1024

/** Adds `accounts import`. Exit code 0 when every line was taken, 1 when lines were refused, 2 when the import could not go on. */
export const addAccountsImportCommand = (accounts: Command, io: Io): void => {
  accounts
    .command('import')
    .description(
      'create the accounts of a file of JSON lines; after an interruption, run it again to go on where it stopped',
    )
    .argument('<file>', 'the path of the file, or - for standard input')
    .option('--again', 'try every line anew, also those that an earlier run imported')
    .option('--json', 'print the summary on standard output, as the last line, as JSON')
    .action((path: string, options: ImportOptions) => importAccounts(io, path, options))
}

type ImportOptions = Options & Readonly<{ again?: boolean }>
type Source = Readonly<{ stream: Readable; bytes: number | null; close: () => Promise<void> }>
type Summary = Readonly<{ lines: number; created: number; created_before: number; refused: number }>

const importAccounts = async (io: Io, path: string, options: ImportOptions): Promise<void> => {
  const source = await openSource(io, path)
  if (typeof source === 'string') return refuseCommand(io, options, source)
  const summary = await withAccounts(io, options, async store => {
    try {
      return await carryOut(io, source, store, options)
    } finally {
      await source.close()
    }
  })
  if (options.json) io.out(JSON.stringify({ summary }))
  else io.err(describe(summary))
  if (summary.refused > 0) throw new CommanderError(1, 'signetd.refused', `lines refused: ${summary.refused}`)
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
  { stream, bytes: total }: Source,
  store: AccountAdministration,
  { again = false }: ImportOptions,
): Promise<Summary> => {
  const hash = createHash('sha256')
  if (again) hash.update(systemRandom.uuid())
  const progress = openProgress(io.screen, { what: 'import', total })
  const created_at = new Date().toISOString()
  const sum = { lines: 0, created: 0, created_before: 0, refused: 0 }
  let read_bytes = 0
  let batch = createBatch()
  const take = (bytes: Uint8Array) => {
    hash.update(bytes)
    read_bytes += bytes.length
  }
  const finish = async () => {
    const { created, is_new, refusals } = await storeBatch(store, batch, hash.copy().digest())
    if (is_new) sum.created += created
    else sum.created_before += created
    sum.refused += new Set(refusals.map(({ line }) => line)).size
    for (const refusal of refusals) io.out(JSON.stringify(refusal))
    progress.show(read_bytes)
    batch = createBatch()
  }
  try {
    for await (const { bytes } of readLines(stream, { max_bytes: LINE_MAX_BYTES, take })) {
      sum.lines += 1
      batch.add(sum.lines, bytes, { id: systemRandom.uuid(), created_at })
      if (sum.lines % BATCH_LINES === 0) await finish()
    }
    if (sum.lines % BATCH_LINES > 0) await finish()
    return sum
  } finally {
    progress.end()
  }
}

const describe = ({ lines, created, created_before, refused }: Summary): string =>
  [
    `lines: ${lines}`,
    `created: ${created}`,
    ...(created_before > 0 ? [`created by an earlier run: ${created_before}`] : []),
    `refused: ${refused}`,
  ].join(', ')
