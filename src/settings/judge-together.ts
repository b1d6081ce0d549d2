import { isLoopback } from '../domain/base/ip-address.ts'
import { judgeHooks } from './hooks.ts'
import type { Settings } from './index.ts'
import { quote } from './schemas.ts'
import { judgeTraces } from './trace-options.ts'

/** What settings say against each other: a line for each fault. Those that were not understood are absent. */
export const judgeTogether = (settings: Partial<Settings>): readonly string[] => [
  ...judgePorts(settings),
  ...judgeIssuer(settings),
  ...judgeAudience(settings),
  ...judgeRegistrationAudiences(settings),
  ...judgePeppers(settings),
  ...judgeMail(settings),
  ...judgeHooks(settings),
  ...judgeTraces(settings),
]

/** One port on one address serves one listener. */
const judgePorts = ({ HOST, PORT, INTERNAL_HOST, INTERNAL_PORT }: Partial<Settings>): readonly string[] =>
  PORT !== undefined && PORT === INTERNAL_PORT && HOST === INTERNAL_HOST
    ? [`PORT and INTERNAL_PORT are both ${PORT}: set one of them to another port`]
    : []

/** RFC 8414 §2 – An https URL without query and fragment. Ours: an origin alone, so that no proxy has to rewrite paths. */
const judgeIssuer = ({ ISSUER, HOST }: Partial<Settings>): readonly string[] => {
  if (ISSUER === undefined) {
    return HOST === undefined || isLoopback(HOST)
      ? []
      : [
          'ISSUER is required when HOST is not a loopback address: set it to the https URL under which clients reach this server',
        ]
  }
  if (!URL.canParse(ISSUER))
    return [`ISSUER must be a URL such as https://id.example.com, not ${quote(ISSUER)}`]
  if (ISSUER.length > ADDRESS_MAX_CHARACTERS)
    return [`ISSUER must be ${ADDRESS_MAX_CHARACTERS} characters at most`]
  const issuer = new URL(ISSUER)
  if (issuer.protocol !== 'https:' && issuer.protocol !== 'http:')
    return ['ISSUER must be an https URL such as https://id.example.com']
  if (issuer.origin !== ISSUER)
    return [`ISSUER must be an origin alone, without path, query or trailing slash: ${issuer.origin}`]
  if (issuer.protocol === 'http:' && !isLoopback(issuer.hostname))
    return ['ISSUER must be https unless its host is loopback']
  return []
}

/** Characters of ISSUER and of DEFAULT_AUDIENCE, at most: both are in tokens, whose length is bounded. */
const ADDRESS_MAX_CHARACTERS = 255

const judgeAudience = ({ DEFAULT_AUDIENCE = '' }: Partial<Settings>): readonly string[] =>
  Buffer.byteLength(JSON.stringify(DEFAULT_AUDIENCE)) - 2 > ADDRESS_MAX_CHARACTERS
    ? [`DEFAULT_AUDIENCE must be ${ADDRESS_MAX_CHARACTERS} characters at most`]
    : []

/** Ours – The issuer never shares a token: a client that registers itself gets none that the account API takes. */
const judgeRegistrationAudiences = ({
  REGISTRATION_AUDIENCES,
  ...settings
}: Partial<Settings>): readonly string[] =>
  settings.PORT !== undefined &&
  REGISTRATION_AUDIENCES?.includes(settings.ISSUER ?? `http://localhost:${settings.PORT}`)
    ? ['REGISTRATION_AUDIENCES must not name the issuer: name the URIs of your services']
    : []

/** Keys that only the embedded database has of itself. */
const judgePeppers = ({
  DATABASE_URL,
  REFRESH_TOKEN_PEPPER,
  REGISTRATION = 'off',
  CLIENT_ID_KEYS,
}: Partial<Settings>): readonly string[] => {
  if (!DATABASE_URL) return []
  const make = 'make one with: openssl rand -base64 32 | tr "+/" "-_" | tr -d "="'
  return [
    ...(REFRESH_TOKEN_PEPPER === null ? [`REFRESH_TOKEN_PEPPER is required with DATABASE_URL; ${make}`] : []),
    ...(REGISTRATION !== 'off' && CLIENT_ID_KEYS === null
      ? [`CLIENT_ID_KEYS is required with REGISTRATION=${REGISTRATION} and DATABASE_URL; ${make}`]
      : []),
  ]
}

/** A mail server takes no mail without a sender. */
const judgeMail = ({ SMTP_URL, MAIL_FROM }: Partial<Settings>): readonly string[] =>
  SMTP_URL && MAIL_FROM === null
    ? [
        'MAIL_FROM is required with SMTP_URL: set it to the sender of every mail, such as Signet <no-reply@id.example.com>',
      ]
    : []
