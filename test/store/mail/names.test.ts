import { randomBytes } from 'node:crypto'
import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { linkTokenOf } from '../../../src/domain/account/email-link.ts'
import type { PasswordDigest } from '../../../src/domain/account/password-digest.ts'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createEmailLinks } from '../../../src/store/mail/email-links.ts'
import { createInvitations } from '../../../src/store/mail/invitations.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { LIFETIMES } from '../../support/families.ts'

const password_digest = `$2b$10$${'.'.repeat(53)}` as PasswordDigest
const newDigest = () => digestOf(linkTokenOf(randomBytes(32)))

/** What the unique index of one Postgres and the names of Citus have to keep (docs/decisions/0069). */
describe.each(backends)('the e-mail of an account, by mailed links ($name)', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  const accounts = () => createAccounts(backend.database, LIFETIMES)
  const links = () => createEmailLinks(backend.database, LIFETIMES)
  const invitations = () => createInvitations(backend.database)
  const register = (email: string) =>
    accounts().create({ id: uuidv7(), email, password_digest, roles: [], language: 'en' })
  const idOf = async (email: string) => (await accounts().findByEmail(email))?.id ?? null

  /** Issues a link to change the e-mail, and returns its digest; null where none is issued. */
  const issueChange = async (account_id: string, new_email: string) => {
    const digest = newDigest()
    const link = { digest, seed: randomBytes(32), pepper_id: 1 }
    const change = { account_id, credential_epoch: 0, new_email, link, pepper_ids: [1] }
    return (await links().issueChange(change)) && digest
  }
  const change = async (account_id: string, new_email: string) => {
    const digest = await issueChange(account_id, new_email)
    return digest && links().redeemChange(digest)
  }
  const opened = async (email: string) => {
    const account = await register(email)
    if (account === null) throw new Error(`${email} is taken`)
    return account.id
  }

  it('moves with a change: the new one leads to the account, and another person can register the former one', async () => {
    const id = await opened('ada@old.example')
    expect(await change(id, 'ada@new.example')).toMatchObject({ account_id: id, email: 'ada@old.example' })
    expect([await idOf('ada@new.example'), await idOf('ada@old.example')]).toEqual([id, null])
    expect(await register('ada@new.example')).toBeNull()
    const other = await opened('ada@old.example')
    expect(await idOf('ada@old.example')).toBe(other)
    expect(await change(id, 'ada@old.example')).toBeNull()
    expect(await change(id, 'ada@newer.example')).toMatchObject({ account_id: id, email: 'ada@new.example' })
  })

  it('goes to one of two accounts that change to it at once; the link of the other one is not spent', async () => {
    const ids = [await opened('ben@one.example'), await opened('ben@two.example')]
    const digests = await Promise.all(ids.map(id => issueChange(id, 'ben@both.example')))
    const redeem = async (digest: (typeof digests)[number]) => digest && (await links().redeemChange(digest))
    const changed = await Promise.all(digests.map(redeem))
    const loser = changed.indexOf('taken')
    expect(changed.filter(outcome => outcome === 'taken')).toHaveLength(1)
    expect(await idOf('ben@both.example')).toBe(ids[1 - loser])
    expect(await idOf(['ben@one.example', 'ben@two.example'][loser] ?? '')).toBe(ids[loser])
    const digest = digests[loser]
    expect(digest && (await links().find(digest))).toMatchObject({ purpose: 'change_email' })
  })

  it('goes to one account where an invitation is redeemed twice beside a registration, and the invitation is spent', async () => {
    for (const round of Array.from({ length: 5 }, (_, index) => index)) {
      const email = `cyd${round}@invited.example`
      const digest = newDigest()
      expect(await invitations().invite({ email, digest, valid_seconds: 60 })).not.toBeNull()
      const invited = { digest, email, password_digest, roles: [], language: 'en' } as const
      const redeem = () => invitations().redeem({ ...invited, id: uuidv7() })
      const [registered, ...redeemed] = await Promise.all([register(email), redeem(), redeem()])
      const made = [registered, ...redeemed].filter(account => account !== null && account !== 'taken')
      expect(made).toHaveLength(1)
      expect(await idOf(email)).toBe(made[0]?.id)
      expect(redeemed.filter(account => account === null)).toHaveLength(1)
      expect(await invitations().find(digest)).toBeNull()
    }
  })

  it('is refused to an invitation once an account has it; the invitation that was sent before is spent', async () => {
    const email = 'dan@invited.example'
    const [first, second] = [newDigest(), newDigest()]
    await invitations().invite({ email, digest: first, valid_seconds: 60 })
    const id = await opened(email)
    expect(await invitations().invite({ email, digest: second, valid_seconds: 60 })).toBeNull()
    const redeemed = { email, digest: first, id: uuidv7(), password_digest, roles: [] }
    expect(await invitations().redeem({ ...redeemed, language: 'en' })).toBe('taken')
    expect(await invitations().find(first)).toBeNull()
    expect(await idOf(email)).toBe(id)
  })

  it('gets the same link again, whose former one is followed until its own expiry', async () => {
    const email = 'eva@kept.example'
    const id = await opened(email)
    const [first, second, third] = [newDigest(), newDigest(), newDigest()]
    const issue = (digest: typeof first, pepper_ids: readonly number[]) =>
      links().issueReset({ email, link: { digest, seed: randomBytes(32), pepper_id: 1 }, pepper_ids })
    await issue(first, [1])
    await issue(second, [1])
    // A pepper that is no longer configured.
    await issue(third, [2])
    const found = await Promise.all([first, second, third].map(digest => links().find(digest)))
    expect(found.map(link => link !== null)).toEqual([true, false, true])
    expect(await links().redeemReset({ digest: first, password_digest })).toMatchObject({ account_id: id })
    expect(await links().redeemReset({ digest: third, password_digest })).toBeNull()
  })
})
