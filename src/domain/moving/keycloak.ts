import { isReportable } from '../account/account-line.ts'
import { bytesOfBase32 } from '../factors/base32.ts'
import {
  type ConvertRecord,
  disabledOf,
  flagOf,
  given,
  type ImportedTotp,
  idsOf,
  instantOf,
  listOf,
  memberTextOf,
  parsedRecordOf,
  profileClaimsOf,
  recordOf,
  rolesOf,
  type SourceRecord,
  totpOf,
} from './source-record.ts'

/** Roles that Keycloak gives to every account of its own accord. */
const OWN_ROLES = /^(?:default-roles-.*|offline_access|uma_authorization)$/

/** Keycloak, UserRepresentation of `kc.sh export` – An account of a realm. Its id is a UUID and stays the `sub`. */
export const convertKeycloak: ConvertRecord = record => {
  if (Array.isArray(record['users']))
    return {
      faults: [
        {
          code: 'not_imported',
          field: 'users',
          detail: 'is a whole realm: give one realm, not a list of realms',
        },
      ],
    }
  const credentials = listOf(record['credentials']).map(recordOf)
  const password = credentials.find(({ type }) => type === 'password')
  const password_digest = password === undefined ? null : digestOfCredential(password)
  if (password_digest === undefined)
    return {
      faults: [
        {
          code: 'field_invalid',
          field: 'credentials',
          detail: 'has a password of no kind that Signet verifies',
        },
      ],
    }
  const attributes = recordOf(record['attributes'])
  const claims = profileClaimsOf({
    given_name: { field: 'firstName', value: record['firstName'] },
    family_name: { field: 'lastName', value: record['lastName'] },
    preferred_username: { field: 'username', value: record['username'] },
    locale: { field: 'attributes.locale', value: listOf(attributes['locale'])[0] },
    zoneinfo: { field: 'attributes.zoneinfo', value: listOf(attributes['zoneinfo'])[0] },
  })
  const own = listOf(record['realmRoles']).filter(role => !(typeof role === 'string' && OWN_ROLES.test(role)))
  const roles = rolesOf('realmRoles', own)
  const otp = credentials.find(({ type }) => type === 'otp')
  const totp = otp === undefined ? null : totpIn(otp)
  const others = credentials
    .filter(({ type }) => type !== 'password' && !(type === 'otp' && totp !== null))
    .map(({ type }) => (isReportable(type) ? `credentials.${type}` : 'credentials'))
  return {
    line: given({
      ...idsOf(record['id']),
      ...claims.line,
      ...roles.line,
      email: memberTextOf(record['email']),
      email_verified: flagOf(record['emailVerified']),
      disabled: disabledOf(record['enabled'], false),
      created_at: instantOf(record['createdTimestamp']),
      password_digest,
    }),
    left_out: [...claims.left_out, ...roles.left_out, ...new Set(others)],
    totp,
  }
}

/** In the PHC string format. Undefined for an algorithm that Signet does not verify; what it costs is judged with the line. */
const digestOfCredential = (credential: SourceRecord): string | undefined => {
  const { data, secret } = partsOf(credential)
  const [salt, value] = [secret['salt'], secret['value']].map(part => memberTextOf(part)?.replace(/=+$/, ''))
  const { algorithm, hashIterations } = data
  const rounds = typeof hashIterations === 'number' ? hashIterations : null
  if (salt === undefined || value === undefined || rounds === null) return undefined
  if (algorithm === 'argon2')
    return argon2Of(recordOf(data['additionalParameters']), { salt, value, passes: rounds })
  if (algorithm === 'pbkdf2') return `$pbkdf2-sha1$i=${rounds}$${salt}$${value}`
  const isKnown = algorithm === 'pbkdf2-sha256' || algorithm === 'pbkdf2-sha512'
  return isKnown ? `$${algorithm}$i=${rounds}$${salt}$${value}` : undefined
}

/** Keycloak before version 8 had the members of both in the credential itself. */
const partsOf = (credential: SourceRecord) =>
  'hashedSaltedValue' in credential
    ? { data: credential, secret: { ...credential, value: credential['hashedSaltedValue'] } }
    : {
        data: parsedRecordOf(credential['credentialData']),
        secret: parsedRecordOf(credential['secretData']),
      }

type Argon2 = Readonly<{ salt: string; value: string; passes: number }>

/** Keycloak's default since version 25. Each parameter is a list of one text. */
const argon2Of = (parameters: SourceRecord, { salt, value, passes }: Argon2): string | undefined => {
  const [type, version, memory, lanes] = ['type', 'version', 'memory', 'parallelism'].map(name =>
    memberTextOf(listOf(parameters[name])[0]),
  )
  return version === '1.3'
    ? `$argon2${type}$v=19$m=${memory},t=${passes},p=${lanes}$${salt}$${value}`
    : undefined
}

/** Keycloak, OTPCredentialModel – The text of the secret is the key, unless it says that it is Base32. */
const totpIn = (credential: SourceRecord): ImportedTotp | null => {
  const data = parsedRecordOf(credential['credentialData'])
  const value = memberTextOf(parsedRecordOf(credential['secretData'])['value'])
  const { subType, digits, period, algorithm, secretEncoding } = data
  const isOurs = subType === 'totp' && digits === 6 && period === 30 && algorithm === 'HmacSHA1'
  if (!isOurs || value === null) return null
  return totpOf(secretEncoding === 'BASE32' ? bytesOfBase32(value) : Buffer.from(value), 'credentials.otp')
}
