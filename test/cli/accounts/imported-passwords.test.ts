import { pbkdf2Sync, scryptSync } from 'node:crypto'
import { hashSync } from 'bcryptjs'
import { argon2id } from 'hash-wasm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf, signIn, trySignIn } from '../../support/accounts/account-api.ts'
import { type Instance, startAt } from '../../support/deployment.ts'
import { type Storage, storages } from '../../support/storage.ts'
import { accounts, jsonLines } from './support.ts'

type Digest = (password: string) => Promise<string>

const SALT = Buffer.from('some salt of 24 bytes...')
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replaceAll('=', '')
const argon2: Digest = password =>
  argon2id({
    password,
    salt: SALT,
    parallelism: 1,
    iterations: 1,
    memorySize: 64,
    hashLength: 32,
    outputType: 'encoded',
  })
const pbkdf2: Digest = async password =>
  `$pbkdf2-sha256$i=10$${b64(SALT)}$${b64(pbkdf2Sync(password, SALT, 10, 32, 'sha256'))}`
const scrypt: Digest = async password =>
  `$scrypt$ln=4,r=8,p=1$${b64(SALT)}$${b64(scryptSync(password, SALT, 32, { N: 16, r: 8, p: 1 }))}`
const bcrypt: Digest = async password => hashSync(password, 10)
const old: Digest = async password => hashSync(password, 4).replace('$2b$', '$2y$')

const KINDS = { argon2, pbkdf2, scrypt, bcrypt, old } as const
type Kind = keyof typeof KINDS
const ALL = ['argon2', 'pbkdf2', 'scrypt', 'bcrypt', 'old'] as const
/** Digests that cover every byte of a password. */
const WHOLE = ['argon2', 'pbkdf2', 'scrypt'] as const

const RIGHT = 'a lantern for the harbour'
const LONG = `${'passphrase '.repeat(9)}end`

// What a password is compared with does not depend on the database: one storage will do.
describe.each(storages.slice(-1))(
  'passwords of imported accounts ($name)',
  { timeout: 120_000 },
  ({ create }) => {
    let storage: Storage
    let signet: Instance
    let people = 0
    beforeAll(async () => {
      storage = await create()
    })
    afterAll(() => storage.remove())
    const importing = async (digests: readonly string[]) => {
      const emails = digests.map(() => `p${(people += 1)}@imported.example`)
      const lines = emails.map((email, index) => ({ email, password_digest: digests[index] }))
      const { code } = await accounts(storage.environment, ['import', '-'], jsonLines(lines))
      expect(code).toBe(0)
      return emails
    }
    const serving = async (act: () => Promise<void>) => {
      signet = await startAt(storage, { wait: async () => {} })
      try {
        await act()
      } finally {
        await signet.close()
      }
    }
    const login = async (email: string, password: string) =>
      outcomeOf(await trySignIn(signet, email, { password }))

    it('refuse every other text as an unknown e-mail is refused, and still accept the right password', async () => {
      const emails = await importing(await Promise.all(ALL.map(kind => KINDS[kind](RIGHT))))
      const texts = [
        '',
        '\0',
        `${RIGHT}\0${RIGHT}`,
        'x'.repeat(73),
        'ä'.repeat(2_000),
        '\ud800x',
        '\udc00',
        ' ',
      ]
      texts.push(`${RIGHT} `, 'x'.repeat(60_000), '\ufdfa'.repeat(1_300))
      await serving(async () => {
        const asked = [...emails, 'nobody@imported.example'].flatMap(email =>
          texts.map(text => login(email, text)),
        )
        expect(new Set(await Promise.all(asked))).toEqual(new Set(['401 AUTH_CREDENTIALS_INVALID']))
        for (const email of emails) expect(await login(email, RIGHT)).toBe('200')
      })
    })

    it.each<[string, readonly Kind[], string, string]>([
      ['longer than 72 bytes', WHOLE, LONG, LONG],
      ['with a NUL in it', WHOLE, 'pass\0word', 'pass\0word'],
      ['of 4,096 bytes', WHOLE, 'ä'.repeat(2_048), 'ä'.repeat(2_048)],
      ['longer than 72 bytes, of which bcrypt read 72', ['bcrypt', 'old'], LONG, LONG],
      ['cut within a character', ['bcrypt', 'old'], `x${'ä'.repeat(60)}`, `x${'ä'.repeat(60)}`],
      ['hashed as it was typed', ALL, 'cafe\u0301 au lait', 'cafe\u0301 au lait'],
      ['hashed in NFD, typed in NFC', ALL, 'cafe\u0301 au lait', 'caf\u00e9 au lait'],
      ['hashed in NFKC, typed in full width', ALL, 'passphrase', 'ｐａｓｓｐｈｒａｓｅ'],
      ['hashed in NFC, typed in NFD', ALL, 'caf\u00e9 au lait', 'cafe\u0301 au lait'],
    ])('sign in when they were right before: %s', async (_, kinds, hashed, typed) => {
      const digests = await Promise.all(kinds.map(kind => KINDS[kind](hashed)))
      const emails = await importing(digests)
      await serving(async () => {
        for (const email of emails) {
          // The second time the digest has been renewed, where it could be.
          for (const text of [typed, hashed]) expect(await login(email, text)).toBe('200')
          expect(await login(email, `${typed.slice(0, 8)}!`)).toBe('401 AUTH_CREDENTIALS_INVALID')
        }
      })
    })

    it('are accepted at a password change and a deletion, as at a sign-in', async () => {
      const emails = await importing(await Promise.all([argon2(LONG), old(LONG)]))
      await serving(async () => {
        for (const email of emails) {
          const { access_token: token } = await signIn(signet, email, { password: LONG })
          const change = async (current_password: string) => {
            const body = { current_password, new_password: 'another harbour lantern' }
            return outcomeOf(await signet.ask('/auth/password', { body, token }))
          }
          for (const wrong of ['', 'x'.repeat(73)])
            expect(await change(wrong)).toBe('401 AUTH_CREDENTIALS_INVALID')
          expect(await change(LONG)).toBe('204')
          expect(await login(email, LONG)).toBe('401 AUTH_CREDENTIALS_INVALID')
          expect(await login(email, 'another harbour lantern')).toBe('200')
        }
      })
    })

    it('of our own are not truncated: more than 72 bytes are another password', async () => {
      await serving(async () => {
        const email = 'own@imported.example'
        const password = 'lantern '.repeat(9)
        expect(outcomeOf(await signet.ask('/auth/register', { body: { email, password } }))).toBe('201')
        expect(await login(email, `${password}x`)).toBe('401 AUTH_CREDENTIALS_INVALID')
        expect(await login(email, password)).toBe('200')
      })
    })
  },
)
