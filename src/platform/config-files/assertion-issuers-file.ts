import { StartFault } from '../../domain/base/start-fault.ts'
import { type AssertionIssuers, parseAssertionIssuers } from '../../domain/exchange/assertion-issuers.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import { openConfiguredFile, readJsonFile } from './configured-file.ts'

const setting = 'ASSERTION_ISSUERS_FILE'

/** The issuers of ASSERTION_ISSUERS_FILE, in memory; none without it. */
export const openAssertionIssuers = (file: string | null, policy: ClientPolicy) =>
  openConfiguredFile<AssertionIssuers>({
    setting,
    file,
    read: async () => (file === null ? new Map() : readAssertionIssuersFile(file, policy)),
  })

/** The issuers of the file. Rejects with a StartFault that has a line for each fault. */
export const readAssertionIssuersFile = async (
  file: string,
  policy: ClientPolicy,
): Promise<AssertionIssuers> => {
  const { json, lineOf } = await readJsonFile({ setting, file })
  const result = parseAssertionIssuers(json, policy)
  if ('issuers' in result) return result.issuers
  throw new StartFault(
    result.faults.map(({ path, message }) => `${setting} ${file}, line ${lineOf(path)}: ${message}`),
  )
}
