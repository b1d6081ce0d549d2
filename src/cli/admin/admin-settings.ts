import { readFileSync } from 'node:fs'
import { readSettings } from '../../config.ts'
import type { Io } from '../terminal/io.ts'
import { AdminError } from './admin-error.ts'

type Environment = Io['environment']

/** Where the administration is, and by what a command authenticates. */
export type AdminSettings = Readonly<{
  /** Of the internal listener, without a trailing slash. */
  url: string
  credentials: Readonly<{ token: string } | { issuer: string; client_id: string; client_secret: string }>
}>

/** Reads what docs/administration.md says of the environment of a command. Throws an AdminError for what is missing or malformed. */
export const readAdminSettings = (environment: Environment): AdminSettings => ({
  url: urlOf(environment),
  credentials: credentialsOf(environment),
})

const misconfigured = (line: string) => new AdminError('misconfigured', line)

const urlOf = (environment: Environment): string => {
  const given = environment['SIGNET_ADMIN_URL']
  if (given === undefined || given === '') return urlOfThisMachine(environment)
  if (!isHttpUrl(given))
    throw misconfigured(
      'SIGNET_ADMIN_URL must be the URL of the internal listener, such as http://127.0.0.1:9090',
    )
  return given.replace(/\/+$/, '')
}

const urlOfThisMachine = (environment: Environment): string => {
  const { INTERNAL_PORT, INTERNAL_HOST } = settingsOf(['INTERNAL_PORT', 'INTERNAL_HOST'], environment)
  if (INTERNAL_PORT === null)
    throw misconfigured('INTERNAL_PORT is off, and SIGNET_ADMIN_URL is not set: there is no administration')
  const host = LOOPBACK_OF.get(INTERNAL_HOST) ?? INTERNAL_HOST
  return `http://${host.includes(':') ? `[${host}]` : host}:${INTERNAL_PORT}`
}

/** A listener on all addresses is asked on this machine's own. */
const LOOPBACK_OF: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

const credentialsOf = (environment: Environment): AdminSettings['credentials'] => {
  const token = secretOf('SIGNET_ADMIN_TOKEN', environment)
  if (token !== null) return { token }
  const client_id = environment['SIGNET_ADMIN_CLIENT_ID'] ?? ''
  const client_secret = secretOf('SIGNET_ADMIN_CLIENT_SECRET', environment)
  if (client_id === '' || client_secret === null)
    throw misconfigured(
      'the command needs a client of the administration: set SIGNET_ADMIN_CLIENT_ID and SIGNET_ADMIN_CLIENT_SECRET (or …_FILE), or SIGNET_ADMIN_TOKEN',
    )
  return { issuer: issuerOf(environment), client_id, client_secret }
}

/** The token endpoint is under the issuer: the internal listener has none. */
const issuerOf = (environment: Environment): string => {
  const { ISSUER, PORT } = settingsOf(['ISSUER', 'PORT'], environment)
  const issuer = ISSUER ?? `http://localhost:${PORT}`
  if (!isHttpUrl(issuer)) throw misconfigured('ISSUER must be the URL that the server has as its issuer')
  return issuer
}

const settingsOf = <N extends Parameters<typeof readSettings>[0][number]>(
  names: readonly N[],
  environment: Environment,
) => {
  const reading = readSettings(names, environment)
  if ('faults' in reading) throw misconfigured(reading.faults.join('; '))
  return reading.settings
}

const isHttpUrl = (text: string): boolean => /^https?:$/.test(URL.parse(text)?.protocol ?? '')

/** Null: not set. The text goes into a header. */
const secretOf = (name: string, environment: Environment): string | null => {
  const path = environment[`${name}_FILE`] ?? ''
  const given = environment[name] ?? ''
  if (path !== '' && given !== '')
    throw misconfigured(`${name} and ${name}_FILE are both set: unset one of them`)
  const secret = path === '' ? given : readSecret(name, path)
  if (secret !== '' && !/^[\x21-\x7e]+$/.test(secret))
    throw misconfigured(`${name} must be one line of ASCII without spaces`)
  return secret === '' ? null : secret
}

const readSecret = (name: string, path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw misconfigured(`${name}_FILE names ${path}, which cannot be read (${code})`)
  }
}
