import { parseScopes } from '../../domain/authorization/parse-scopes.ts'
import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { openConfiguredFile, readJsonFile } from './configured-file.ts'

/** The scopes of SCOPES_FILE, in memory; none without it. */
export const openScopes = (file: string | null) =>
  openConfiguredFile({
    setting: 'SCOPES_FILE',
    file,
    read: async () => (file === null ? new Map() : readScopesFile(file)),
  })

/** The scopes of the file. Rejects with a StartFault that has a line for each fault: the scope, the line of the file and what to do. */
export const readScopesFile = async (file: string): Promise<ScopeCatalogue> => {
  const { json, lineOf } = await readJsonFile({ setting: 'SCOPES_FILE', file })
  const result = parseScopes(json)
  if ('catalogue' in result) return result.catalogue
  throw new StartFault(
    result.faults.map(({ path, message }) => `SCOPES_FILE ${file}, line ${lineOf(path)}: ${message}`),
  )
}
