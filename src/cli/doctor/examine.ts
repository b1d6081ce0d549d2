import { examineFiles } from '../../compose/findings/examine-files.ts'
import { examineHooks } from '../../compose/findings/examine-hooks.ts'
import { type Found, findingOf, OK } from '../../compose/findings/finding.ts'
import { examineKeysDirectory, examineMail, examineProxies } from '../../compose/findings/services.ts'
import { composeTemplates } from '../../compose/pages.ts'
import { type Config, clientPolicyOf, describeSignInLimit, readConfig } from '../../config.ts'
import { findListenFault } from '../../http/server/listen-address.ts'
import { readClientsFile } from '../../platform/clients-file.ts'
import { readLogo } from '../../platform/config-files/brand-logo.ts'
import { findDataFaults, isInUse } from '../../store/embedded/embedded.ts'
import { examineDocuments } from '../clients/client-documents.ts'
import { examineStoredClients } from '../clients/stored-clients.ts'
import { type Io, QUIET_LOG } from '../terminal/io.ts'
import { readBrowserOrigins } from './browser-origins.ts'
import { examineDatabase, examineEvents, openQuietRedis } from './examine-database.ts'
import { examineFromOutside } from './from-outside.ts'
import { isServing } from './is-serving.ts'
import { examinePasswords } from './password-cost.ts'

/** A line of the doctor: a fault has what to do in it, and so has the note of a warning. */
type DoctorFinding = Readonly<{ check: string; fault: string | null; note?: string; warning?: true }>

/** Looks at everything that a start needs, and changes nothing. `documents`: addresses of client documents, which are fetched. */
export const examine = async (
  { environment }: Io,
  { documents = [] }: Readonly<{ documents?: readonly string[] }> = {},
): Promise<readonly DoctorFinding[]> => {
  const reading = readConfig(environment)
  if ('faults' in reading) return reading.faults.map(fault => ({ check: 'configuration', fault }))
  const { config } = reading
  const isRunning = await isServing(config)
  const checks: Readonly<Record<string, () => Promise<Found | readonly Found[]>>> = {
    addresses: () =>
      examineAddresses(config, { isRunning, isInternalRequired: Boolean(environment['INTERNAL_PORT']) }),
    keys: () => examineKeysDirectory(config),
    data: () => examineData(config, isRunning),
    clients: () => examineClients(config),
    ...(config.CLIENT_ID_DOCUMENTS === 'off' && documents.length === 0
      ? {}
      : { 'client documents': () => examineDocuments(config, { documents }) }),
    ...examineFiles(config),
    database: () => examineDatabase(config),
    events: () => examineEvents(config),
    redis: () => examineRedis(config),
    proxies: async () => examineProxies(config),
    limits: async () => ({ fault: null, note: describeSignInLimit(config) }),
    mail: () => examineMail(config),
    ...examineHooks(config),
    ...(config.BRAND_LOGO_FILE === null ? {} : { logo: async () => examineLogo(config) }),
    ...(config.TEMPLATES_DIR === null
      ? {}
      : { templates: () => findingOf(async () => void composeTemplates(config, QUIET_LOG)) }),
  }
  const findings = Object.entries(checks).map(async ([check, look]) =>
    [await look()].flat().map(found => lineOf(check, found)),
  )
  const inside = (await Promise.all(findings)).flat()
  // When nothing else runs here, so that the time is that of a password alone.
  const passwords = lineOf('passwords', examinePasswords(config))
  const outside = Object.entries(await examineFromOutside(config, await readBrowserOrigins(config))).map(
    ([check, found]) => ({
      check,
      ...found,
    }),
  )
  return [{ check: 'configuration', fault: null }, ...inside, passwords, ...outside]
}

const lineOf = (check: string, { fault, note, advice, isWarning }: Found): DoctorFinding => ({
  check,
  fault: fault === null ? null : [fault, advice].filter(each => each !== undefined).join(': '),
  ...(note === undefined ? {} : { note: [note, advice].filter(each => each !== undefined).join(': ') }),
  ...(isWarning === undefined ? {} : { warning: isWarning }),
})

type Around = Readonly<{ isRunning: boolean; isInternalRequired: boolean }>

const examineAddresses = async (
  { HOST, PORT, INTERNAL_HOST, INTERNAL_PORT }: Config,
  { isRunning, isInternalRequired }: Around,
): Promise<Found> => {
  if (isRunning) return { fault: null, note: `a server of this issuer listens on port ${PORT} already` }
  const internal =
    INTERNAL_PORT === null
      ? null
      : await findListenFault({ listener: 'internal', host: INTERNAL_HOST, port: INTERNAL_PORT })
  const faults = [
    await findListenFault({ listener: 'public', host: HOST, port: PORT }),
    isInternalRequired ? internal : null,
  ].filter(fault => fault !== null)
  if (faults.length > 0) return { fault: faults.join('; ') }
  return internal === null ? OK : { fault: null, note: `${internal}; without it there are no metrics` }
}

/** DATA_DIR holds the embedded database and its secrets alone. */
const examineData = async ({ DATABASE_URL, DATA_DIR }: Config, isRunning: boolean): Promise<Found> => {
  if (DATABASE_URL !== null) return OK
  const faults = findDataFaults(DATA_DIR)
  if (faults.length > 0) return { fault: faults.join('; ') }
  if (isRunning || !(await isInUse(DATA_DIR))) return OK
  return {
    fault: `DATA_DIR ${DATA_DIR} is in use by another process: stop it first, or choose another DATA_DIR`,
  }
}

/** A database that cannot be read is a finding of its own. */
const examineClients = async ({ CLIENTS_FILE, ...config }: Config): Promise<Found> => {
  const policy = clientPolicyOf(config)
  let listed: ReadonlySet<string> = new Set()
  const ofFile = await findingOf(async () => {
    const clients = CLIENTS_FILE === null ? [] : await readClientsFile(CLIENTS_FILE, policy)
    listed = new Set(clients.map(({ client_id }) => client_id))
  })
  const stored = await examineStoredClients(config, { policy, listed })
  const faults = [...(ofFile.fault === null ? [] : [ofFile.fault]), ...(stored?.faults ?? [])]
  const notes = stored?.clients === null ? [NOT_CHECKED] : (stored?.notes ?? [])
  return {
    fault: faults.length > 0 ? faults.join('; ') : null,
    ...(notes.length > 0 ? { note: notes.join('; ') } : {}),
  }
}

/** The check of the database says what is wrong with it, once. */
const NOT_CHECKED = 'the clients of the database are not checked: see the check of the database'

const examineRedis = async (config: Config): Promise<Found> => {
  const redis = await openQuietRedis(config)
  if (redis === null) return OK
  const fault = redis.fault()
  await redis.close()
  return { fault: fault && `REDIS_URL: ${fault}` }
}

const examineLogo = ({ BRAND_LOGO_FILE }: Config): Found => {
  const logo = BRAND_LOGO_FILE === null ? null : readLogo(BRAND_LOGO_FILE)
  return logo !== null && 'fault' in logo ? { fault: logo.fault } : OK
}
