import { composeTemplates } from '../../compose/templates.ts'
import { type Config, clientPolicyOf, describeSignInLimit, findProxyDoubt, readConfig } from '../../config.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../../domain/base/clock-tolerance.ts'
import { FORWARDED_HEADERS } from '../../domain/base/forwarded-header.ts'
import { openRedis } from '../../ephemeral/redis.ts'
import { findListenFault } from '../../http/server/listen-address.ts'
import { readClientsFile } from '../../platform/clients-file.ts'
import { readLogo } from '../../platform/config-files/brand-logo.ts'
import { readMailTemplates } from '../../platform/mail-templates.ts'
import { openSmtp } from '../../platform/smtp.ts'
import { describeSmtpFault } from '../../platform/smtp-causes.ts'
import { examineKeys } from '../../signing/rotation.ts'
import { findDataFaults, isInUse } from '../../store/embedded/embedded.ts'
import { openStore } from '../../store/open-store.ts'
import { type DatabaseCapacity, readCapacity } from '../../store/postgres/index.ts'
import { examineDocuments } from '../clients/client-documents.ts'
import { examineStoredClients } from '../clients/stored-clients.ts'
import { type Io, QUIET_LOG } from '../terminal/io.ts'
import { examineFiles } from './examine-files.ts'
import { type Finding, type Found, findingOf, OK } from './finding.ts'
import { examineFromOutside } from './from-outside.ts'
import { isServing } from './is-serving.ts'
import { examinePasswords } from './password-cost.ts'

/** Looks at everything that a start needs, and changes nothing. `documents`: addresses of client documents, which are fetched. */
export const examine = async (
  { environment }: Io,
  { documents = [] }: Readonly<{ documents?: readonly string[] }> = {},
): Promise<readonly Finding[]> => {
  const reading = readConfig(environment)
  if ('faults' in reading) return reading.faults.map(fault => ({ check: 'configuration', fault }))
  const { config } = reading
  const isRunning = await isServing(config)
  const checks: Readonly<Record<string, () => Promise<Found>>> = {
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
    redis: () => examineRedis(config),
    proxies: async () => examineProxies(config),
    limits: async () => ({ fault: null, note: describeSignInLimit(config) }),
    mail: () => examineMail(config),
    ...(config.BRAND_LOGO_FILE === null ? {} : { logo: async () => examineLogo(config) }),
    ...(config.TEMPLATES_DIR === null
      ? {}
      : { templates: () => findingOf(async () => void composeTemplates(config, QUIET_LOG)) }),
  }
  const findings = Object.entries(checks).map(async ([check, look]) => ({ check, ...(await look()) }))
  const inside = await Promise.all(findings)
  // When nothing else runs here, so that the time is that of a password alone.
  const passwords = { check: 'passwords', ...examinePasswords(config) }
  const outside = Object.entries(await examineFromOutside(config)).map(([check, found]) => ({
    check,
    ...found,
  }))
  return [{ check: 'configuration', fault: null }, ...inside, passwords, ...outside]
}

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

const examineKeysDirectory = async ({ KEYS_DIR }: Config): Promise<Found> => {
  const examined = await examineKeys({ directory: KEYS_DIR, clock: () => new Date() })
  return { fault: examined?.faults.join('; ') ?? null }
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

/** Opens the database as a start does, but for the embedded one, which its server alone opens. */
const examineDatabase = async (config: Config): Promise<Found> => {
  if (config.DATABASE_URL === null) return OK
  let found = OK
  const opened = await findingOf(async () => {
    const database = await openStore({ ...config, DATABASE_POOL_SIZE: 1 })
    try {
      found = judgeCapacity(await readCapacity(database, config.DATABASE_POOL_SIZE))
    } finally {
      await database.close()
    }
  })
  return opened.fault === null ? found : opened
}

const judgeCapacity = ({ needed, given, at }: DatabaseCapacity): Found => {
  const seconds = Math.round((at.getTime() - Date.now()) / 1000)
  if (Math.abs(seconds) > CLOCK_TOLERANCE_SECONDS)
    return {
      fault: `the clock of Postgres differs by ${seconds} s from the one here: keep both right by NTP`,
    }
  const instances = Math.floor(given / needed)
  if (instances === 0)
    return {
      fault: `an instance may hold ${needed} connections, and max_connections leaves ${given}: lower DATABASE_POOL_SIZE, or raise max_connections`,
    }
  return {
    fault: null,
    note: `max_connections leaves ${given}, enough for ${instances} instances of ${needed}`,
  }
}

const examineRedis = async ({ REDIS_URL, REDIS_PREFIX }: Config): Promise<Found> => {
  if (REDIS_URL === null) return OK
  const redis = openRedis({ url: REDIS_URL, prefix: REDIS_PREFIX, log: QUIET_LOG })
  await redis.connect()
  const fault = redis.fault()
  await redis.close()
  return { fault: fault && `REDIS_URL: ${fault}` }
}

const examineLogo = ({ BRAND_LOGO_FILE }: Config): Found => {
  const logo = BRAND_LOGO_FILE === null ? null : readLogo(BRAND_LOGO_FILE)
  return logo !== null && 'fault' in logo ? { fault: logo.fault } : OK
}

const examineMail = async (config: Config): Promise<Found> => {
  const { SMTP_URL, MAIL_FROM, DATABASE_URL } = config
  const templates = await findingOf(async () => void readMailTemplates())
  if (templates.fault !== null) return templates
  if (SMTP_URL === null || MAIL_FROM === null)
    return { fault: null, note: DATABASE_URL === null ? PRINTED : OFF }
  const smtp = openSmtp({ url: SMTP_URL, from: MAIL_FROM })
  try {
    await smtp.verify()
    return OK
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { fault: `SMTP_URL: ${describeSmtpFault(error)} (${detail})` }
  } finally {
    smtp.close()
  }
}

const PRINTED =
  'mails are printed on standard error, for SMTP_URL is unset; set SMTP_URL and MAIL_FROM to send them'
const OFF =
  'no mail is sent, and no account can get a new password, for SMTP_URL is unset; set SMTP_URL and MAIL_FROM'

/** Requests are not seen from here: the finding says what is configured, and what the operator has to look at. */
const examineProxies = ({ TRUSTED_PROXIES, TRUSTED_PROXY_HEADER, ISSUER }: Config): Found => {
  const doubt = findProxyDoubt({ TRUSTED_PROXIES, ISSUER })
  if (doubt !== null) return { fault: null, note: doubt }
  if (TRUSTED_PROXIES.length === 0) return OK
  // Behind a range that holds every address, each client would name its own.
  if (TRUSTED_PROXIES.some(([, bits]) => bits === 0)) return { fault: EVERY_ADDRESS }
  const other = FORWARDED_HEADERS.find(header => header !== TRUSTED_PROXY_HEADER)
  const ranges = TRUSTED_PROXIES.map(([address, bits]) => `${address.toString()}/${bits}`).join(', ')
  return {
    fault: null,
    note: `${TRUSTED_PROXY_HEADER} is believed from ${ranges}: see that the proxies there append to it or set it, and remove ${other}`,
  }
}

const EVERY_ADDRESS =
  'TRUSTED_PROXIES holds every address, so that clients can name an address of their choice; name the addresses of your proxies alone'
