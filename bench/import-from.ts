import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signetd } from './import.ts'
import type { Bench, Row } from './support/report.ts'

const ACCOUNTS = 100_000
/** One import is this many times larger, to show whether memory grows with the number of accounts. */
const MORE = 4

const idOf = (number: number) => `0b0f4b1e-0000-4000-8000-${String(number).padStart(12, '0')}`
const bcryptOf = (number: number) => `$2a$10$${String(number).padStart(53, 'a')}`
const base64Of = (number: number, bytes: number) => Buffer.alloc(bytes, String(number)).toString('base64')

type Form = Readonly<{ head: string; between: string; end: string; record: (number: number) => string }>

const list = (member: string | null, record: (number: number) => object): Form => ({
  head: member === null ? '' : `{"${member}":[`,
  between: member === null ? '\n' : ',\n',
  end: member === null ? '\n' : ']}',
  record: number => JSON.stringify(record(number)),
})

const FORMS: Readonly<Record<string, Form>> = {
  auth0: list(null, number => ({
    user_id: `auth0|${number}`,
    email: `p${number}@auth0.example`,
    email_verified: true,
    name: 'Ada Lovelace',
    picture: 'https://s.gravatar.com/avatar/1.png',
    created_at: '2024-02-29T12:00:00.000Z',
    passwordHash: bcryptOf(number),
  })),
  keycloak: list('users', number => ({
    id: idOf(number),
    username: `p${number}`,
    email: `p${number}@keycloak.example`,
    emailVerified: true,
    enabled: true,
    createdTimestamp: 1_709_208_000_000,
    firstName: 'Ada',
    lastName: 'Lovelace',
    realmRoles: ['default-roles-shop', 'editor'],
    credentials: [
      {
        type: 'password',
        secretData: JSON.stringify({ value: base64Of(number, 32), salt: base64Of(number, 16) }),
        credentialData:
          '{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}',
      },
    ],
  })),
  firebase: list('users', number => ({
    localId: `uid-${number}`,
    email: `p${number}@firebase.example`,
    emailVerified: true,
    passwordHash: base64Of(number, 64),
    salt: base64Of(number, 12),
    displayName: 'Ada Lovelace',
    createdAt: '1709208000000',
  })),
  supabase: {
    head: 'id,email,encrypted_password,email_confirmed_at,created_at,raw_user_meta_data\n',
    between: '\n',
    end: '\n',
    record: number =>
      `${idOf(ACCOUNTS * MORE + number)},p${number}@supabase.example,${bcryptOf(number)},2024-02-29 12:00:00+00,2024-02-29 12:00:00+00,"{""full_name"":""Ada""}"`,
  },
  clerk: {
    head: 'id,first_name,last_name,username,primary_email_address,verified_email_addresses,totp_secret,password_digest,password_hasher\n',
    between: '\n',
    end: '\n',
    record: number =>
      `user_${number},Ada,Lovelace,,p${number}@clerk.example,p${number}@clerk.example,,${bcryptOf(number)},bcrypt`,
  },
  cognito: list('Users', number => ({
    Username: `cognito-${number}`,
    Attributes: [
      { Name: 'email', Value: `p${number}@cognito.example` },
      { Name: 'email_verified', Value: 'true' },
    ],
    UserCreateDate: 1_709_208_000,
    Enabled: true,
  })),
}

const HASH_CONFIG = `algorithm: SCRYPT,
base64_signer_key: ${base64Of(1, 64)},
base64_salt_separator: Bw==,
rounds: 8,
mem_cost: 14,
`

/** Imports one hundred thousand accounts from the export of each provider, and four times as many from one of them. */
export const benchImportFrom: Bench = async world => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-bench-'))
  const { url } = await world.store(10_000)
  const config = join(directory, 'hash-config.txt')
  writeFileSync(config, HASH_CONFIG)
  const rows: Row[] = []
  const run = async (from: string, from_number: number, accounts: number) => {
    const file = join(directory, `${from}-${from_number}`)
    writeExport(file, FORMS[from], { from_number, accounts })
    const words = from === 'firebase' ? ['--firebase-hash-config', config] : []
    return signetd(url, 'import', '--from', from, ...words, file)
  }
  for (const from of Object.keys(FORMS)) {
    const { seconds, megabytes } = await run(from, 0, ACCOUNTS)
    rows.push(
      { what: `${from}: 100 thousand accounts`, seen: seconds, unit: 's', goal: { most: 120 } },
      { what: 'resident, at most', seen: megabytes, unit: 'MB' },
    )
    if (from !== 'auth0') continue
    const more = await run(from, ACCOUNTS, ACCOUNTS * MORE)
    rows.push({
      what: '400 thousand / 100 thousand, resident',
      seen: more.megabytes / megabytes,
      goal: { most: 1.2 },
    })
  }
  rmSync(directory, { recursive: true, force: true })
  return rows
}

type Amount = Readonly<{ from_number: number; accounts: number }>

const writeExport = (path: string, form: Form | undefined, { from_number, accounts }: Amount) => {
  if (form === undefined) throw new Error('no such provider')
  const file = openSync(path, 'w')
  writeSync(file, form.head)
  for (let number = 0; number < accounts; number++)
    writeSync(file, `${number === 0 ? '' : form.between}${form.record(from_number + number)}`)
  writeSync(file, form.end)
  closeSync(file)
}
