import { type Command, CommanderError } from 'commander'
import { audiencePolicyOf, type Config, readConfig } from '../config.ts'
import { FORWARDED_HEADERS } from '../domain/base/forwarded-header.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import { openRedis } from '../ephemeral/redis.ts'
import { readLogo } from '../platform/brand-logo.ts'
import { readClientsFile } from '../platform/clients-file.ts'
import { openSmtp } from '../platform/smtp.ts'
import { examineKeys } from '../signing/rotation.ts'
import { judgeDataDir } from '../store/embedded/data-dir.ts'
import { openDatabase } from '../store/postgres/index.ts'
import { faultOf, findDatabaseFaults } from '../store/schema/database-faults.ts'
import type { Io } from './terminal/io.ts'

/** What was looked at, and what is wrong with it; null when nothing is. A note is what an operator may not have meant. */
type Finding = Readonly<{ check: string; fault: string | null; note?: string }>

/** Adds `doctor`: everything that the server needs, looked at without changing anything. Exit code 1 when something is wrong. */
export const addDoctorCommand = (program: Command, io: Io): void => {
  program
    .command('doctor')
    .description('look at everything that the server needs, and change nothing')
    .option('--json', 'for machines')
    .action(async ({ json = false }: { json?: boolean }) => {
      const findings = await examine(io)
      if (json) io.out(JSON.stringify({ findings }))
      else
        for (const { check, fault, note } of findings) {
          const line = [check, fault ?? note].filter(Boolean).join(': ')
          io.out(`${fault === null ? 'ok    ' : 'fault '} ${line}`)
        }
      if (findings.some(finding => finding.fault !== null))
        throw new CommanderError(1, 'signetd.doctor', 'faults')
    })
}

const examine = async ({ environment }: Io): Promise<readonly Finding[]> => {
  const reading = readConfig(environment)
  if ('faults' in reading) return reading.faults.map(fault => ({ check: 'configuration', fault }))
  const { config } = reading
  const checks = {
    keys: examineKeysDirectory,
    data: examineData,
    clients: examineClients,
    database: examineDatabase,
    redis: examineRedis,
    proxies: examineProxies,
    mail: examineMail,
    ...(config.BRAND_LOGO_FILE === null ? {} : { logo: examineLogo }),
  }
  const notes: Readonly<Record<string, (config: Config) => Pick<Finding, 'note'>>> = {
    mail: noteOnMail,
    proxies: noteOnProxies,
  }
  const findings = Object.entries(checks).map(async ([check, look]) => ({
    check,
    fault: await look(config),
    ...notes[check]?.(config),
  }))
  return [{ check: 'configuration', fault: null }, ...(await Promise.all(findings))]
}

const examineKeysDirectory = async ({ KEYS_DIR }: Config): Promise<string | null> =>
  (await examineKeys({ directory: KEYS_DIR, clock: () => new Date() }))?.faults.join('; ') ?? null

/** Only the embedded database and its secrets are kept there. */
const examineData = async ({ DATABASE_URL, DATA_DIR }: Config): Promise<string | null> =>
  (DATABASE_URL === null && judgeDataDir(DATA_DIR).join('; ')) || null

const examineClients = async (config: Config): Promise<string | null> => {
  const { CLIENTS_FILE } = config
  try {
    if (CLIENTS_FILE !== null) await readClientsFile(CLIENTS_FILE, audiencePolicyOf(config))
    return null
  } catch (error) {
    if (error instanceof StartFault) return error.lines.join('; ')
    throw error
  }
}

const examineLogo = async ({ BRAND_LOGO_FILE }: Config): Promise<string | null> => {
  const logo = BRAND_LOGO_FILE === null ? null : readLogo(BRAND_LOGO_FILE)
  return logo !== null && 'fault' in logo ? logo.fault : null
}

const examineDatabase = async ({ DATABASE_URL, DATABASE_SCHEMA: schema }: Config): Promise<string | null> => {
  if (DATABASE_URL === null) return null
  const database = openDatabase({ url: DATABASE_URL, schema, pool_size: 1 })
  try {
    return (await findDatabaseFaults(database, schema)).join('; ') || null
  } catch (error) {
    const fault = faultOf(error)
    if (fault instanceof StartFault) return fault.lines.join('; ')
    return fault instanceof Unavailable
      ? 'DATABASE_URL: the database does not answer'
      : `DATABASE_URL: ${String(error)}`
  } finally {
    await database.close()
  }
}

const examineRedis = async ({ REDIS_URL, REDIS_PREFIX }: Config): Promise<string | null> => {
  if (REDIS_URL === null) return null
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const redis = openRedis({ url: REDIS_URL, prefix: REDIS_PREFIX, log: quiet })
  await redis.connect()
  const fault = redis.fault()
  await redis.close()
  return fault && `REDIS_URL: ${fault}`
}

const noteOnMail = ({ SMTP_URL, DATABASE_URL }: Config) => {
  if (SMTP_URL !== null) return {}
  return {
    note:
      DATABASE_URL === null
        ? 'printed on standard error, for there is no SMTP_URL'
        : 'off, for there is no SMTP_URL: nobody can ask for a new password',
  }
}

const examineMail = async ({ SMTP_URL, MAIL_FROM }: Config): Promise<string | null> => {
  if (SMTP_URL === null || MAIL_FROM === null) return null
  const smtp = openSmtp({ url: SMTP_URL, from: MAIL_FROM })
  try {
    await smtp.verify()
    return null
  } catch (error) {
    return `SMTP_URL: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    smtp.close()
  }
}

/** Behind a range that holds every address, each client would name its own. */
const examineProxies = async ({ TRUSTED_PROXIES }: Config): Promise<string | null> =>
  TRUSTED_PROXIES.some(([, bits]) => bits === 0)
    ? 'TRUSTED_PROXIES holds every address: clients can name an address of their choice'
    : null

/** No request is seen from here: what is configured is said, and what the operator has to look at. */
const noteOnProxies = ({ TRUSTED_PROXIES, TRUSTED_PROXY_HEADER, ISSUER }: Config): Pick<Finding, 'note'> => {
  const other = FORWARDED_HEADERS.find(header => header !== TRUSTED_PROXY_HEADER)
  if (TRUSTED_PROXIES.length > 0) {
    const ranges = TRUSTED_PROXIES.map(([address, bits]) => `${address.toString()}/${bits}`).join(', ')
    return {
      note: `${TRUSTED_PROXY_HEADER} is believed from ${ranges}: see that the proxies there append to it or set it, and remove ${other}`,
    }
  }
  return ISSUER.startsWith('https:')
    ? {
        note: 'TRUSTED_PROXIES is unset: every client behind the proxy that ends TLS is counted and logged by its address',
      }
    : {}
}
