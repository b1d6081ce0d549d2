import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Secret, TOTP } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn, trySignIn } from '../../support/accounts/account-api.ts'
import { type Instance, startAt } from '../../support/deployment.ts'
import { type Storage, storages } from '../../support/storage.ts'
import { accounts, jsonLines, OLD_DIGEST, parsed } from './support.ts'

const OLD_PASSWORD = 'correct horse battery'
const uuid = (last: string) => `0b0f4b1e-0000-4000-8000-0000000000${last}`
const csv = (rows: readonly (readonly string[])[]) =>
  rows
    .map(
      row =>
        `${row.map(each => (/[",\n]/.test(each) ? `"${each.replaceAll('"', '""')}"` : each)).join(',')}\n`,
    )
    .join('')

/** A credential exactly as Keycloak 26 exports it. Its password is "secret". */
const ARGON2_CREDENTIAL = {
  type: 'password',
  secretData:
    '{"value":"xKjWvB9+0sSP6wTqI1JoEI7w+iA0x9VDhPgmrOHRG80=","salt":"LRScGShC7shkdoU5B1UgUQ==","additionalParameters":{}}',
  credentialData:
    '{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}',
}
const OTP_CREDENTIAL = {
  type: 'otp',
  secretData: '{"value":"DJmQfC73VGFhw7D4QJ8A"}',
  credentialData: '{"digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1","subType":"totp"}',
}

/** The README of firebase/scrypt. */
const HASH_CONFIG = `hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}`
const FIREBASE_USER = {
  localId: 'Xk3fQ0zqWmO1',
  email: 'ada@firebase.example',
  emailVerified: true,
  passwordHash: 'lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198JAdRuid5lQ==',
  salt: '42xEC-ixf3L2lw==',
  displayName: 'Ada Lovelace',
  photoUrl: 'http://photos.example/insecure.png',
  createdAt: '1709208000000',
  disabled: false,
  customAttributes: '{"roles":["editor"]}',
  providerUserInfo: [{ providerId: 'password' }],
}

describe.each(storages.slice(-1))('signetd accounts import --from ($name)', ({ create }) => {
  let storage: Storage
  let signet: Instance
  const directory = mkdtempSync(join(tmpdir(), 'signet-import-'))
  const config = join(directory, 'hash-config.txt')
  beforeAll(async () => {
    writeFileSync(config, HASH_CONFIG)
    storage = await create()
    await accounts(storage.environment, ['import', '-'], '')
    signet = await startAt(storage)
  })
  afterAll(async () => {
    await signet.close()
    await storage.remove()
    rmSync(directory, { recursive: true })
  })
  /** An empty setting counts as unset. */
  const withoutPepper = () => ({ ...storage.environment, REFRESH_TOKEN_PEPPER: '' })
  const importing = (from: string, input: string | Buffer | Readable, ...words: readonly string[]) =>
    accounts(withoutPepper(), ['import', '-', '--json', '--from', from, ...words], input)
  const exported = async (email: string) => {
    const lines = parsed(await accounts(storage.environment, ['export']))
    return lines.find(line => line['email'] === email)
  }
  const summaryOf = (said: Awaited<ReturnType<typeof importing>>) => parsed(said).at(-1)?.['summary']

  it('auth0: the lines of its exports, with ids that are no UUID', async () => {
    const said = await importing(
      'auth0',
      jsonLines([
        {
          user_id: 'auth0|5f7c8ec7c33c6c004bbafe82',
          email: 'Ada@auth0.example',
          email_verified: true,
          name: 'Ada Lovelace',
          nickname: 'ada',
          picture: 'https://s.gravatar.com/avatar/1.png',
          created_at: '2024-02-29T12:00:00.000Z',
          blocked: false,
          app_metadata: { roles: ['editor'] },
          passwordHash: OLD_DIGEST,
        },
        {
          _id: { $oid: '60425dc43519d90068f82973' },
          email: 'grace@auth0.example',
          email_verified: false,
          passwordHash: OLD_DIGEST,
          created_at: { $date: '2021-03-05T16:34:12.123Z' },
        },
        {
          user_id: 'auth0|1',
          email: 'md5@auth0.example',
          custom_password_hash: { algorithm: 'md5', hash: { value: 'x' } },
        },
        {
          user_id: 'auth0|2',
          email: 'costly@auth0.example',
          passwordHash: OLD_DIGEST.replace('$04$', '$31$'),
        },
        { user_id: 'sms|3', phone_number: '+1' },
      ]),
    )
    expect(parsed(said)).toEqual([
      {
        line: 3,
        record: 3,
        code: 'field_invalid',
        field: 'custom_password_hash',
        detail: 'is of no kind that Signet verifies',
      },
      {
        line: 4,
        record: 4,
        code: 'field_invalid',
        field: 'passwordHash',
        detail: 'must be bcrypt of a cost from 4 to 15, and complete',
      },
      { line: 5, record: 5, code: 'field_missing', field: 'email' },
      { summary: { lines: 5, created: 2, created_before: 0, refused: 3, left_out: 0 } },
    ])
    expect(said.code).toBe(1)
    await signIn(signet, 'ada@auth0.example', { password: OLD_PASSWORD })
    expect(await exported('ada@auth0.example')).toMatchObject({
      external_id: 'auth0|5f7c8ec7c33c6c004bbafe82',
      email_verified: true,
      name: 'Ada Lovelace',
      preferred_username: 'ada',
      roles: ['editor'],
      created_at: expect.stringMatching(/^2024-02-29T12:00:00/),
    })
    expect(await exported('grace@auth0.example')).toMatchObject({
      external_id: 'auth0|60425dc43519d90068f82973',
    })
  })

  it('keycloak: the users of a realm, whose ids stay the sub', async () => {
    const realm = {
      realm: 'shop',
      clients: [{ clientId: 'web', protocolMappers: [{ name: 'x' }] }],
      users: [
        {
          id: uuid('01'),
          username: 'ada',
          email: 'ada@keycloak.example',
          emailVerified: true,
          enabled: true,
          createdTimestamp: 1_709_208_000_000,
          firstName: 'Ada',
          lastName: 'Lovelace {"quoted"} [',
          attributes: { locale: ['de'] },
          realmRoles: ['default-roles-shop', 'offline_access', 'editor'],
          credentials: [ARGON2_CREDENTIAL, OTP_CREDENTIAL],
        },
        { id: uuid('02'), username: 'off', email: 'off@keycloak.example', enabled: false },
        { id: uuid('03'), username: 'robot', serviceAccountClientId: 'web' },
        {
          id: uuid('04'),
          email: 'des@keycloak.example',
          credentials: [{ ...ARGON2_CREDENTIAL, credentialData: '{"hashIterations":1,"algorithm":"des"}' }],
        },
      ],
      groups: [{ name: 'no user' }],
    }
    const said = await importing('keycloak', JSON.stringify(realm, null, 2))
    expect(parsed(said)).toMatchObject([
      { record: 3, code: 'field_missing', field: 'email' },
      { record: 4, code: 'field_invalid', field: 'credentials' },
      { record: 1, code: 'left_out', field: 'credentials.otp' },
      { summary: { lines: 4, created: 2, refused: 2, left_out: 1 } },
    ])
    const { user } = await signIn(signet, 'ada@keycloak.example', { password: 'secret' })
    expect(user).toMatchObject({ id: uuid('01'), email_verified: true, roles: ['editor'] })
    expect(await exported('ada@keycloak.example')).toMatchObject({
      external_id: uuid('01'),
      given_name: 'Ada',
      locale: 'de',
    })
    expect(await exported('off@keycloak.example')).toMatchObject({ disabled: true })
    // The answer of the admin API is a bare list.
    const again = await importing('keycloak', JSON.stringify(realm.users.slice(0, 2)))
    expect(parsed(again)).toMatchObject([{ code: 'email_taken' }, { code: 'email_taken' }, {}, {}])
  })

  it('keycloak: a credential of version 7 and of later ones, as its own tests of migrations have it', async () => {
    // keycloak/keycloak, migration-realm-26.6.0.json: the account offline-test-user, whose password MigrationTest says.
    const salt = 'rEIJDbs+BQqpx31v8mONWA=='
    const value = 'kNwotFPNeuwelpT1HWt+E4ONXFK6wjd+h0zbzNBRGwOqacAjeY7vYN9QZQ46DlEKSdn04cEU/3RvX8WPcRegxg=='
    const data = { hashIterations: 27_500, algorithm: 'pbkdf2-sha256' }
    const user = (id: string, credential: object) => ({
      id: uuid(id),
      username: `offline-test-user-${id}`,
      email: `offline-${id}@keycloak.example`,
      emailVerified: false,
      enabled: true,
      createdTimestamp: 1_589_834_705_173,
      totp: false,
      credentials: [credential],
      disableableCredentialTypes: [],
      requiredActions: [],
      realmRoles: ['uma_authorization', 'offline_access'],
      clientRoles: { account: ['view-profile', 'manage-account'] },
      notBefore: 0,
      groups: [],
    })
    const later = {
      id: uuid('63'),
      type: 'password',
      createdDate: 1_570_002_786_025,
      secretData: JSON.stringify({ value, salt }),
      credentialData: JSON.stringify({ ...data, additionalParameters: {} }),
    }
    const before = {
      type: 'password',
      hashedSaltedValue: value,
      salt,
      ...data,
      counter: 0,
      digits: 0,
      config: {},
    }
    const realm = { realm: 'Migration', users: [user('61', later), user('62', before)] }
    expect(summaryOf(await importing('keycloak', JSON.stringify(realm)))).toMatchObject({
      created: 2,
      refused: 0,
      left_out: 0,
    })
    for (const id of ['61', '62'])
      await signIn(signet, `offline-${id}@keycloak.example`, { password: 'password2' })
    // An export of all realms is a list of them.
    expect(parsed(await importing('keycloak', JSON.stringify([realm])))[0]).toMatchObject({
      code: 'not_imported',
      field: 'users',
      detail: expect.stringContaining('one realm'),
    })
  })

  it('keycloak and clerk: authenticator applications go on, where the command has the pepper of the servers', async () => {
    const user = (id: string, email: string, credential: object) => ({
      id: uuid(id),
      email,
      credentials: [ARGON2_CREDENTIAL, credential],
    })
    const eight = {
      ...OTP_CREDENTIAL,
      credentialData: OTP_CREDENTIAL.credentialData.replace('"digits":6', '"digits":8'),
    }
    const users = [
      user('31', 'otp@keycloak.example', OTP_CREDENTIAL),
      user('32', 'eight@keycloak.example', eight),
      user('33', 'other@keycloak.example', OTP_CREDENTIAL),
    ]
    const said = await accounts(
      storage.environment,
      ['import', '-', '--json', '--from', 'keycloak'],
      JSON.stringify({ users }),
    )
    expect(parsed(said)).toMatchObject([
      { record: 2, code: 'left_out', field: 'credentials.otp' },
      { summary: { created: 3, left_out: 1 } },
    ])
    await signIn(signet, 'eight@keycloak.example', { password: 'secret' })
    const first = await trySignIn(signet, 'otp@keycloak.example', { password: 'secret' })
    expect(first.body.code).toBe('AUTH_SECOND_FACTOR_REQUIRED')
    const code = (secret: Secret) => new TOTP({ secret }).generate()
    const finish = async (handle: unknown, totp: string) =>
      (await signet.ask('/auth/login/second-factor', { body: { handle, totp } })).status
    const { handle } = first.body
    expect(await finish(handle, code(Secret.fromUTF8('another secret of 20')))).toBe(401)
    expect(await finish(handle, code(Secret.fromUTF8('DJmQfC73VGFhw7D4QJ8A')))).toBe(200)

    const header = 'id,primary_email_address,totp_secret,password_digest'
    const clerk = await accounts(
      storage.environment,
      ['import', '-', '--json', '--from', 'clerk'],
      `${header}\nuser_3,otp@clerk.example,JBSWY3DPEHPK3PXP,${OLD_DIGEST}\n`,
    )
    expect(summaryOf(clerk)).toMatchObject({ created: 1, left_out: 0 })
    const second = await trySignIn(signet, 'otp@clerk.example', { password: OLD_PASSWORD })
    expect(await finish(second.body.handle, code(Secret.fromBase32('JBSWY3DPEHPK3PXP')))).toBe(200)
  })

  it('firebase: JSON and CSV, with the parameters of the project', async () => {
    const without = await importing('firebase', JSON.stringify({ users: [FIREBASE_USER] }))
    expect(parsed(without)[0]).toMatchObject({
      field: 'passwordHash',
      detail: expect.stringContaining('--firebase-hash-config'),
    })
    const said = await importing(
      'firebase',
      JSON.stringify({ users: [FIREBASE_USER] }),
      '--firebase-hash-config',
      config,
    )
    expect(parsed(said)).toEqual([
      { line: 1, record: 1, code: 'left_out', field: 'photoUrl' },
      { summary: { lines: 1, created: 1, created_before: 0, refused: 0, left_out: 1 } },
    ])
    await signIn(signet, 'ada@firebase.example', { password: 'user1password' })
    expect(await exported('ada@firebase.example')).toMatchObject({
      external_id: 'Xk3fQ0zqWmO1',
      name: 'Ada Lovelace',
      roles: ['editor'],
    })
    const { passwordHash, salt } = FIREBASE_USER
    const row = ['uid-2', 'grace@firebase.example', 'false', passwordHash, salt, 'Hopper, Grace', '']
    const rest = [...Array.from({ length: 16 }, () => ''), '1709208000000', '', '', 'false', '']
    expect(
      summaryOf(await importing('firebase', csv([[...row, ...rest]]), '--firebase-hash-config', config)),
    ).toMatchObject({
      created: 1,
    })
    await signIn(signet, 'grace@firebase.example', { password: 'user1password' })
  })

  it('supabase: rows of auth.users as CSV, with quotes and line feeds in them', async () => {
    const said = await importing(
      'supabase',
      csv([
        [
          'id',
          'email',
          'encrypted_password',
          'email_confirmed_at',
          'created_at',
          'raw_user_meta_data',
          'banned_until',
        ],
        [
          uuid('11'),
          'ada@supabase.example',
          OLD_DIGEST,
          '2024-02-29 12:00:00.123456+00',
          '2024-02-29 12:00:00.123456+00',
          '{"full_name":"Lovelace, \\"Ada\\"",\n"avatar_url":"https://a.example/a.png"}',
          '',
        ],
        [uuid('12'), 'half@supabase.example', 'plain', '', '2024-02-29 12:00:00+00', '{}', ''],
        [uuid('13'), 'hashless@supabase.example', '', 'NULL', '2024-02-29 12:00:00+00', '{}', ''],
      ]),
    )
    expect(parsed(said)).toMatchObject([
      { line: 4, record: 3, code: 'field_invalid', field: 'encrypted_password' },
      { summary: { created: 2, refused: 1 } },
    ])
    const { user } = await signIn(signet, 'ada@supabase.example', { password: OLD_PASSWORD })
    expect(user).toMatchObject({ id: uuid('11'), email_verified: true })
    expect(await exported('ada@supabase.example')).toMatchObject({ name: 'Lovelace, "Ada"' })
    expect(await exported('hashless@supabase.example')).toMatchObject({ email_verified: false })
  })

  it('clerk: the CSV of its dashboard', async () => {
    const columns =
      'id,first_name,last_name,username,primary_email_address,primary_phone_number,verified_email_addresses,unverified_email_addresses,verified_phone_numbers,unverified_phone_numbers,totp_secret,password_digest,password_hasher'
    const said = await importing(
      'clerk',
      `\ufeff${columns}\r\nuser_2abc,Ada,Lovelace,ada,ada@clerk.example,,ada@clerk.example,,,,JBSWY3DPEHPK3PXP,${OLD_DIGEST},bcrypt\r\nuser_2abd,,,,grace@clerk.example,,,grace@clerk.example,,,,,\r\n`,
    )
    expect(parsed(said)).toMatchObject([
      { line: 2, record: 2, code: 'left_out', field: 'totp_secret' },
      { summary: { created: 2, refused: 0, left_out: 1 } },
    ])
    await signIn(signet, 'ada@clerk.example', { password: OLD_PASSWORD })
    expect(await exported('ada@clerk.example')).toMatchObject({
      external_id: 'user_2abc',
      email_verified: true,
    })
    expect(await exported('grace@clerk.example')).toMatchObject({ email_verified: false })
  })

  it('cognito: ListUsers, without passwords, and marked for the hook', async () => {
    const attribute = (Name: string, Value: string) => ({ Name, Value })
    const Users = [
      {
        Username: 'ada',
        Attributes: [
          attribute('sub', uuid('21')),
          attribute('email', 'ada@cognito.example'),
          attribute('email_verified', 'true'),
          attribute('name', 'Ada'),
        ],
        UserCreateDate: 1_709_208_000.123,
        Enabled: true,
        UserStatus: 'CONFIRMED',
      },
    ]
    expect(summaryOf(await importing('cognito', JSON.stringify({ Users })))).toMatchObject({
      created: 1,
      refused: 0,
    })
    expect(await exported('ada@cognito.example')).toMatchObject({
      id: uuid('21'),
      external_id: 'ada',
      email_verified: true,
      name: 'Ada',
      created_at: expect.stringMatching(/^2024-02-29T12:00:00.123/),
    })
  })

  describe('a hostile export', () => {
    it.each<readonly [from: string, record: object, field: string]>([
      ['auth0', { user_id: 'auth0|h', blocked: 'yes' }, 'blocked'],
      ['keycloak', { id: uuid('41'), enabled: 'no' }, 'enabled'],
      ['cognito', { Username: 'h', Enabled: 0 }, 'Enabled'],
      ['clerk', { id: 'user_h', banned: 1 }, 'banned'],
      ['firebase', { localId: 'h', disabled: { deep: true } }, 'disabled'],
    ])('opens no account of %s whose state cannot be read', async (from, record, field) => {
      const said = await importing(from, JSON.stringify([{ ...record, email: `state@${from}.example` }]))
      expect(parsed(said)[0]).toMatchObject({ code: 'field_invalid', field })
      expect(await exported(`state@${from}.example`)).toBeUndefined()
    })

    it('opens no account of supabase that is banned for ever', async () => {
      const row = { id: uuid('42'), email: 'banned@supabase.example', banned_until: 'infinity' }
      expect(summaryOf(await importing('supabase', JSON.stringify([row])))).toMatchObject({ created: 1 })
      expect(await exported('banned@supabase.example')).toMatchObject({ disabled: true })
      const gone = { id: uuid('43'), email: 'gone@supabase.example', deleted_at: 'infinity' }
      expect(parsed(await importing('supabase', JSON.stringify([gone])))[0]).toMatchObject({
        code: 'not_imported',
      })
    })

    it('moves no field of a row by a comma that no quotes hold: no role and no state is another’s', async () => {
      const fields = ['uid-3', 'comma@firebase.example', 'false', '', '']
      const moved = ['x', ...Array.from({ length: 20 }, () => ''), 'false', '{"roles":["admin"]}']
      const rest = [...Array.from({ length: 17 }, () => ''), '1709208000000', '', '', 'true', '{}']
      const said = await importing('firebase', `${[...fields, ...moved, ...rest].join(',')}\n`)
      expect(parsed(said)[0]).toMatchObject({ code: 'csv_invalid' })
      // firebase/firebase-tools, accountExporter: a comma at the end of each row, and none around the address of a picture.
      const exportedRow = (uid: string, photo: string) =>
        [uid, `${uid}@firebase.example`, 'true', '', '', 'Ada', photo, ...Array(16).fill('')]
          .concat('1709208000000', '1709208000000', '', 'true', '', '')
          .join(',')
      const pictures = await importing(
        'firebase',
        `${exportedRow('plain', 'https://a.example/a.png')}\n${exportedRow('moved', 'https://a.example/a,b.png')}\n`,
      )
      expect(parsed(pictures)).toMatchObject([
        { record: 2, code: 'csv_invalid' },
        { summary: { created: 1 } },
      ])
      expect(await exported('plain@firebase.example')).toMatchObject({ disabled: true })
      expect(await exported('moved@firebase.example')).toBeUndefined()
      const long = await importing('clerk', 'id,primary_email_address,banned\nu,long@clerk.example,true,\n')
      expect(parsed(long)[0]).toMatchObject({ code: 'csv_invalid' })
      const short = await importing('clerk', 'id,primary_email_address,banned\nu,short@clerk.example\n')
      expect(parsed(short)[0]).toMatchObject({ code: 'csv_invalid' })
      expect(await exported('short@clerk.example')).toBeUndefined()
    })

    it('ends at no record, whatever types and depths it has', async () => {
      const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`
      const typed = (id: string, type: string) =>
        `{"id":"${uuid(id)}","email":"deep${id}@keycloak.example","credentials":[{"type":${type}}]}`
      const types = [deep, '{"toString":null,"valueOf":null}', '"\\u009b31m"', '"webauthn"']
      const said = await importing(
        'keycloak',
        `{"users":[${types.map((type, at) => typed(String(50 + at), type)).join(',')}]}`,
      )
      expect(parsed(said)).toEqual([
        ...[1, 2, 3].map(record => ({ line: 1, record, code: 'left_out', field: 'credentials' })),
        { line: 1, record: 4, code: 'left_out', field: 'credentials.webauthn' },
        { summary: { lines: 4, created: 4, created_before: 0, refused: 0, left_out: 4 } },
      ])
    })

    it('that was cut between two records is not taken for the whole', async () => {
      const user = { id: uuid('44'), email: 'cut@keycloak.example' }
      const said = await importing('keycloak', `{"users":[${JSON.stringify(user)},\n`)
      expect(said.code).toBe(1)
      expect(parsed(said)[0]).toMatchObject({ line: 2, code: 'json_invalid' })
      expect(await exported(user.email)).toBeDefined()
    })

    it('takes over no account: not by its e-mail, its id or its external_id, within one file or beside it', async () => {
      const owner = { id: uuid('45'), email: 'owner@keycloak.example' }
      await importing('keycloak', JSON.stringify([owner]))
      const before = await exported(owner.email)
      const thief = { passwordHash: OLD_DIGEST, email_verified: true }
      const said = await importing(
        'auth0',
        jsonLines([
          { ...thief, user_id: 'auth0|t1', email: 'OWNER@keycloak.example' },
          { ...thief, user_id: owner.id, email: 'thief@keycloak.example' },
          { ...thief, user_id: 'auth0|t2', email: 'twice@auth0.example' },
          { ...thief, user_id: 'auth0|t3', email: 'Twice@auth0.example' },
          { ...thief, user_id: 'auth0|t2', email: 'other@auth0.example' },
        ]),
      )
      expect(parsed(said).flatMap(({ record, code }) => (record ? [[record, code]] : []))).toEqual([
        [1, 'email_taken'],
        [2, 'external_id_taken'],
        [4, 'email_repeated'],
        [5, 'external_id_repeated'],
      ])
      expect(await exported(owner.email)).toEqual(before)
    })
  })

  it('stores nothing in a trial, and asks no database', async () => {
    const line = jsonLines([{ user_id: 'auth0|9', email: 'trial@auth0.example' }, { user_id: 'auth0|8' }])
    const said = await accounts({}, ['import', '-', '--json', '--from', 'auth0', '--dry-run'], line)
    expect(parsed(said)).toMatchObject([
      { line: 2, record: 2, code: 'field_missing', field: 'email' },
      { summary: { lines: 2, created: 1, refused: 1 } },
    ])
    expect(await exported('trial@auth0.example')).toBeUndefined()
  })

  it('goes on after an interruption, with the same report whatever the chunks are', async () => {
    const users = Array.from({ length: 1_100 }, (_, index) => ({
      id: `${uuid('00').slice(0, -4)}${String(index).padStart(4, '0')}`.replace('0b0f4b1e', '0b0f4b1f'),
      email: index === 700 ? 'no e-mail' : `p${index}@resumed.example`,
    }))
    const whole = Buffer.from(JSON.stringify({ users }))
    const cut = whole.subarray(0, whole.indexOf('p600@'))
    expect(summaryOf(await importing('keycloak', cut))).toMatchObject({ created: 500 + 100 })
    const small = Array.from({ length: Math.ceil(whole.length / 997) }, (_, at) =>
      whole.subarray(at * 997, at * 997 + 997),
    )
    const said = await importing('keycloak', Readable.from(small))
    const taken = parsed(said).filter(({ code }) => code === 'email_taken')
    // The batch that was cut has other bytes: its accounts are there already.
    expect(taken).toHaveLength(100)
    expect(summaryOf(said)).toMatchObject({ lines: 1_100, created_before: 500, created: 499, refused: 101 })
    const again = await importing('keycloak', whole)
    expect(parsed(again).slice(0, -1)).toEqual(parsed(said).slice(0, -1))
    expect(summaryOf(again)).toMatchObject({ created: 0, created_before: 999, refused: 101 })
  })

  it.each([
    [['--from', 'okta'], '', /^--from must be one of auth0, keycloak/],
    [['--from', 'keycloak'], '{"realm":"shop","clients":[{}]}', /has no record of keycloak/],
    [
      ['--from', 'firebase', '--firebase-hash-config', '/dev/null'],
      '{"users":[]}',
      /must hold the hash_config/,
    ],
  ])('refuses %s', async (words, input, fault) => {
    const said = await accounts(storage.environment, ['import', '-', ...words], input)
    expect([said.code, said.err.join()]).toEqual([1, expect.stringMatching(fault)])
  })
})
