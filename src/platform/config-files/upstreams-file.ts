import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { parseUpstreams, type UpstreamEntry } from '../../domain/upstream/parse-upstreams.ts'
import type { Upstream } from '../../domain/upstream/upstream.ts'
import { type LogoFile, readImage } from './brand-logo.ts'
import { openConfiguredFile, readJsonFile } from './configured-file.ts'

/** A provider of the file, with the icon of its button. */
export type ListedUpstream = Readonly<{ upstream: Upstream; icon: LogoFile | null }>

/** The providers of UPSTREAMS_FILE, in memory; none without it. */
export const openUpstreams = (file: string | null) =>
  openConfiguredFile<readonly ListedUpstream[]>({
    setting: 'UPSTREAMS_FILE',
    file,
    read: async () => (file === null ? [] : readUpstreamsFile(file)),
  })

/**
 * The providers of the file, with the secrets and the icons that it names: paths begin at the folder of the file. Rejects with a StartFault
 * that has a line for each fault: the provider, the line of the file and what to do.
 */
export const readUpstreamsFile = async (file: string): Promise<readonly ListedUpstream[]> => {
  const { json, lineOf } = await readJsonFile({ setting: 'UPSTREAMS_FILE', file })
  const result = parseUpstreams(json)
  if ('faults' in result)
    throw new StartFault(
      result.faults.map(({ path, message }) => `UPSTREAMS_FILE ${file}, line ${lineOf(path)}: ${message}`),
    )
  const read = result.entries.map(entry => readFilesOf(entry, dirname(file)))
  const faults = read.flatMap(each => ('faults' in each ? each.faults : []))
  if (faults.length > 0) throw new StartFault(faults.map(fault => `UPSTREAMS_FILE ${file}: ${fault}`))
  return read.flatMap(each => ('listed' in each ? [each.listed] : []))
}

const readFilesOf = (
  { upstream, client_secret_file, icon_file }: UpstreamEntry,
  folder: string,
): Readonly<{ listed: ListedUpstream } | { faults: readonly string[] }> => {
  const secret = client_secret_file === null ? null : readSecret(resolve(folder, client_secret_file))
  const icon = icon_file === null ? null : readImage(resolve(folder, icon_file))
  const faults = [
    ...(secret !== null && 'fault' in secret ? [`client_secret_file ${secret.fault}`] : []),
    ...(icon !== null && 'fault' in icon ? [`icon_file ${icon.fault}: ${icon_file}`] : []),
  ].map(fault => `provider ${JSON.stringify(upstream.id)}: ${fault}`)
  if (faults.length > 0 || (secret !== null && 'fault' in secret) || (icon !== null && 'fault' in icon))
    return { faults }
  const client_secret = secret === null ? upstream.client_secret : secret.secret
  return { listed: { upstream: { ...upstream, client_secret }, icon } }
}

const readSecret = (path: string): Readonly<{ secret: string } | { fault: string }> => {
  try {
    const secret = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    return secret === '' ? { fault: `${path} is empty` } : { secret }
  } catch (error) {
    return {
      fault: `${path} cannot be read (${errorCodeOf(error)}): name a file that this user can read`,
    }
  }
}
