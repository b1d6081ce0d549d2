import { existsSync } from 'node:fs'
import { type Command, CommanderError } from 'commander'
import { type Config, readConfig } from '../config.ts'
import { StartFault } from '../domain/start-fault.ts'
import { Unavailable } from '../domain/unavailable.ts'
import { openRedis } from '../ephemeral/redis.ts'
import { readClientsFile } from '../platform/clients-file.ts'
import { openSmtp } from '../platform/smtp.ts'
import { listKeys } from '../signing/schedule.ts'
import { openDatabase } from '../store/database.ts'
import { faultOf, findDatabaseFaults } from '../store/migrate.ts'
import type { Io } from './io.ts'

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
    keys: examineKeys,
    clients: examineClients,
    database: examineDatabase,
    redis: examineRedis,
    mail: examineMail,
  }
  const findings = Object.entries(checks).map(async ([check, look]) => ({
    check,
    fault: await look(config),
    ...(check === 'mail' ? noteOnMail(config) : {}),
  }))
  return [{ check: 'configuration', fault: null }, ...(await Promise.all(findings))]
}

const examineKeys = async ({ KEYS_DIR }: Config): Promise<string | null> => {
  // The first start makes the directory and the first key.
  if (!existsSync(KEYS_DIR)) return null
  const outcome = await listKeys({ directory: KEYS_DIR, clock: () => new Date() })
  return 'faults' in outcome ? outcome.faults.join('; ') : null
}

const examineClients = async ({ CLIENTS_FILE }: Config): Promise<string | null> => {
  try {
    if (CLIENTS_FILE !== null) await readClientsFile(CLIENTS_FILE)
    return null
  } catch (error) {
    if (error instanceof StartFault) return error.lines.join('; ')
    throw error
  }
}

const examineDatabase = async ({ DATABASE_URL, DATABASE_SCHEMA: schema }: Config): Promise<string | null> => {
  if (DATABASE_URL === null) return null
  const database = openDatabase({ url: DATABASE_URL, schema, pool_size: 1 })
  try {
    return (await findDatabaseFaults(database, schema)).join('; ') || null
  } catch (error) {
    if (error instanceof Unavailable) return 'DATABASE_URL: the database does not answer'
    const fault = faultOf(error)
    return fault instanceof StartFault ? fault.lines.join('; ') : `DATABASE_URL: ${String(error)}`
  } finally {
    await database.close()
  }
}

const examineRedis = async ({ REDIS_URL }: Config): Promise<string | null> => {
  if (REDIS_URL === null) return null
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const redis = openRedis({ url: REDIS_URL, log: quiet })
  await redis.connect()
  const isReady = redis.isReady()
  await redis.close()
  return isReady ? null : 'REDIS_URL: redis does not answer'
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
