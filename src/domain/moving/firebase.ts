import {
  type ConvertRecord,
  disabledOf,
  flagOf,
  given,
  instantOf,
  listOf,
  memberTextOf,
  parsedRecordOf,
  profileClaimsOf,
  rolesOf,
} from './source-record.ts'

/** The password hash parameters of a Firebase project, as its console shows them. Base64 as it is there. */
export type FirebaseHashConfig = Readonly<{
  signer_key: string
  salt_separator: string
  rounds: number
  mem_cost: number
}>

/** Firebase console, "Password hash parameters" – Null for a text that is not these, or of another algorithm than SCRYPT. */
export const parseFirebaseHashConfig = (text: string): FirebaseHashConfig | null => {
  const valueOf = (name: string) => new RegExp(`"?${name}"?\\s*:\\s*"?([\\w+/=-]+)`).exec(text)?.[1]
  const [signer_key, salt_separator = ''] = [valueOf('base64_signer_key'), valueOf('base64_salt_separator')]
  const [rounds, mem_cost] = [Number(valueOf('rounds')), Number(valueOf('mem_cost'))]
  const isWhole = valueOf('algorithm') === 'SCRYPT' && rounds > 0 && mem_cost > 0
  return isWhole && signer_key !== undefined ? { signer_key, salt_separator, rounds, mem_cost } : null
}

/** Firebase CLI, `auth:export` – An account of a project. Without the parameters of the project, a password cannot be imported. */
export const createConvertFirebase =
  (config: FirebaseHashConfig | null): ConvertRecord =>
  record => {
    const [hash, salt] = [memberTextOf(record['passwordHash']), memberTextOf(record['salt'])]
    if (hash !== null && config === null)
      return {
        faults: [
          {
            code: 'field_invalid',
            field: 'passwordHash',
            detail: 'needs the hash parameters of the project: --firebase-hash-config <file>',
          },
        ],
      }
    const claims = profileClaimsOf({
      name: { field: 'displayName', value: record['displayName'] },
      picture: { field: 'photoUrl', value: record['photoUrl'] },
    })
    const roles = rolesOf('customAttributes.roles', parsedRecordOf(record['customAttributes'])['roles'])
    const hasFactors = listOf(record['mfaInfo']).length > 0
    return {
      line: given({
        ...claims.line,
        ...roles.line,
        external_id: memberTextOf(record['localId']),
        email: memberTextOf(record['email']),
        email_verified: flagOf(record['emailVerified']),
        disabled: disabledOf(record['disabled'], true),
        created_at: instantOf(record['createdAt']),
        password_digest:
          hash === null || config === null ? null : digestWith(config, { hash, salt: salt ?? '' }),
      }),
      left_out: [...claims.left_out, ...roles.left_out, ...(hasFactors ? ['mfaInfo'] : [])],
    }
  }

/** In the form of supabase/auth, which has the parameters of the project in each digest. */
const digestWith = (
  { signer_key, salt_separator, rounds, mem_cost }: FirebaseHashConfig,
  { hash, salt }: Readonly<{ hash: string; salt: string }>,
): string => {
  const base64 = (text: string) => Buffer.from(text, 'base64').toString('base64')
  const separator = salt_separator === '' ? '' : `,ss=${base64(salt_separator)}`
  const parameters = `v=1,n=${mem_cost},r=${rounds},p=1${separator},sk=${base64(signer_key)}`
  return `$fbscrypt$${parameters}$${base64(salt)}$${base64(hash)}`
}
