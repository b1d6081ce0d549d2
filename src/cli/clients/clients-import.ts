import { type Command, CommanderError } from 'commander'
import type { ConvertedClient } from '../../domain/moving/source-client.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import { fail, type Options, refuseCommand } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { CLIENT_SOURCES, findClientSource, readClientExport } from './import-sources.ts'
import {
  type ImportedClient,
  type Judged,
  judgeConverted,
  storeImported,
  tryImported,
} from './judge-imported.ts'
import { readClientPolicy, withClients } from './with-clients.ts'

type ImportOptions = Options &
  Readonly<{ from?: string; dryRun?: true; replace?: true; generateSecrets?: true }>

/** Adds `clients import`. Exit code 0 when every client is as in the export, 1 when some are not, 2 when the file or the database cannot be used. */
export const addClientsImportCommand = (clients: Command, io: Io): void => {
  clients
    .command('import')
    .description(
      'add the clients of another provider’s export, and print what could not be taken over of each; it can be run again',
    )
    .argument('<file>', 'the path of the export, or - for standard input')
    .requiredOption('--from <provider>', `the provider: ${CLIENT_SOURCES.join(', ')}`)
    .option('--dry-run', 'judge every client and report, without a database')
    .option('--replace', 'give a client that is there already the registration of the export')
    .option(
      '--generate-secrets',
      'make a secret for a client whose secret is not in the export, and print it this once',
    )
    .option('--json', 'print JSON for programs, a line for each client')
    .action((path: string, options: ImportOptions) => importClients(io, path, options))
}

const importClients = async (io: Io, path: string, options: ImportOptions): Promise<void> => {
  const source = findClientSource(options.from)
  if (source === null) return refuseCommand(io, options, `--from must be one of ${CLIENT_SOURCES.join(', ')}`)
  const read = await readClientExport(io, { path, source })
  if ('fault' in read) return fail(io, options, [read.fault])
  if (read.warning !== null) io.err(read.warning)
  const converted = read.records.map((record, index) => source.convert(record) ?? NO_CLIENT(index))
  const generates = options.generateSecrets === true
  const told: ImportedClient[] = []
  const tell = (imported: ImportedClient) => {
    told.push(imported)
    print(io, options, imported)
  }
  if (options.dryRun) {
    for (const judged of judgeAll(converted, readClientPolicy(io, options)))
      tell('told' in judged ? judged.told : tryImported(judged, { generates }))
  } else {
    await withClients(io, options, async (store, { policy, warnOfFile }) => {
      const way = { policy, generates, replaces: options.replace === true }
      for (const judged of judgeAll(converted, policy)) {
        const imported = 'told' in judged ? judged.told : await storeImported(store, judged, way)
        tell(imported)
        if (imported.outcome !== 'refused' && imported.outcome !== 'left out') warnOfFile(imported.client_id)
      }
    })
  }
  end(io, options, told)
}

const NO_CLIENT = (index: number): ConvertedClient => ({
  client_id: `record ${index + 1}`,
  left_out: {
    member: '',
    reason: 'is no client of this provider',
    remedy: 'see that --from names the provider of the file',
  },
  is_built_in: false,
})

/** Of two clients with one id, as two realms may have, the second is refused. */
const judgeAll = (converted: readonly ConvertedClient[], policy: ClientPolicy): readonly Judged[] => {
  const seen = new Set<string>()
  return converted.map(client => {
    const judged = judgeConverted(client, policy)
    if ('told' in judged) return judged
    const { client_id } = client
    if (seen.has(client_id))
      return { told: { client_id, notes: judged.notes, outcome: 'refused', reason: TWICE_IN_EXPORT } }
    seen.add(client_id)
    return judged
  })
}

const TWICE_IN_EXPORT =
  'the export has this client twice: import one realm, and register the other client by hand'

const print = (io: Io, options: Options, { notes, ...imported }: ImportedClient): void => {
  const { client_id, outcome, reason, generated } = imported
  if (options.json) {
    const { generated: client_secret, ...told } = imported
    io.out(JSON.stringify({ ...told, ...(client_secret === undefined ? {} : { client_secret }), notes }))
    return
  }
  const row = (...cells: readonly string[]) => io.out(cells.map(printable).join('\t'))
  row(outcome, client_id, ...(reason === undefined ? [] : [reason]))
  if (generated !== undefined) row('client_secret', client_id, generated)
  for (const { member, reason: why, remedy } of notes) row('note', client_id, member, why, remedy)
}

const end = (io: Io, options: ImportOptions, told: readonly ImportedClient[]): void => {
  const outcomes = ['added', 'replaced', 'unchanged', 'kept', 'refused', 'left out'] as const
  const counts = outcomes.map(
    outcome => [outcome, told.filter(each => each.outcome === outcome).length] as const,
  )
  const summary = counts.filter(([, count]) => count > 0).map(([outcome, count]) => `${outcome}: ${count}`)
  io.err(`${options.dryRun ? 'nothing is stored; ' : ''}${summary.join(', ')}`)
  const differing = told.filter(({ outcome }) => outcome === 'kept' || outcome === 'refused').length
  if (differing > 0) throw new CommanderError(1, 'signetd.refused', `clients not imported: ${differing}`)
}
