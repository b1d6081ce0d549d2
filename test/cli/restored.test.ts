import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { openRedis } from '../../src/ephemeral/redis.ts'
import { createTimelineMemory } from '../../src/ephemeral/timeline-memory.ts'
import { outcomeOf, refreshTokens, signIn, signUp } from '../support/accounts/account-api.ts'
import { FROM, forgot, reset, SUBJECTS, verify } from '../support/accounts/mail.ts'
import { copyDatabase, createRedis, hasRedis } from '../support/backends.ts'
import { basic, CLIENT_CREDENTIALS, SECRETS } from '../support/clients.ts'
import { type Instance, startAt } from '../support/deployment.ts'
import { createLog } from '../support/effects.ts'
import { linkIn, openMailbox } from '../support/services/mailbox.ts'
import { type Storage, storages } from '../support/storage.ts'

const EMAIL = 'ada@restored.example'
const RESOURCE = {
  client_id: 'resource',
  client_secret: SECRETS.service,
  grant_types: ['client_credentials'],
}
const AUTHORIZATION = basic(RESOURCE.client_id, RESOURCE.client_secret)

const signetd = async (environment: Readonly<Record<string, string>>, ...words: readonly string[]) => {
  const [out, err]: [string[], string[]] = [[], []]
  const io = { environment, out: (line: string) => out.push(line), err: (line: string) => err.push(line) }
  return { code: await runProgram(words, io, async () => {}), out, err }
}

/** Dumps the database of a storage that no server uses. Restoring it answers with the settings for the state of that moment. */
const dump = async ({ environment }: Storage): Promise<() => Promise<Storage['environment']>> => {
  const { DATABASE_URL, DATA_DIR = '' } = environment
  if (DATABASE_URL === undefined) {
    const backup = mkdtempSync(join(tmpdir(), 'signet-backup-'))
    onTestFinished(() => rmSync(backup, { recursive: true, force: true }))
    cpSync(join(DATA_DIR, 'postgres'), backup, { recursive: true })
    return async () => {
      rmSync(join(DATA_DIR, 'postgres'), { recursive: true })
      cpSync(backup, join(DATA_DIR, 'postgres'), { recursive: true })
      return environment
    }
  }
  const { url, drop } = await copyDatabase(DATABASE_URL)
  onTestFinished(drop)
  return async () => ({ ...environment, DATABASE_URL: url })
}

describe.each(storages)('signetd restored on $name', ({ name, create }) => {
  const setUp = async () => {
    const storage = await create()
    onTestFinished(() => storage.remove())
    const mailbox = await openMailbox()
    onTestFinished(() => mailbox.close())
    const directory = mkdtempSync(join(tmpdir(), 'signet-restored-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const CLIENTS_FILE = join(directory, 'clients.json')
    writeFileSync(
      CLIENTS_FILE,
      JSON.stringify([{ ...RESOURCE, protected_resources: ['http://localhost:8080'], scope: 'read' }]),
    )
    const more = { SMTP_URL: mailbox.url, MAIL_FROM: FROM, CLIENTS_FILE }
    return {
      storage,
      mailbox,
      start: (environment: Storage['environment']) => startAt({ environment: { ...environment, ...more } }),
    }
  }
  const isActiveAt = async (signet: Instance, token: string) =>
    (await signet.post('/introspect', { token }, AUTHORIZATION)).body.active
  const meWith = async (signet: Instance, token: string) => outcomeOf(await signet.ask('/auth/me', { token }))
  const refreshWith = async (signet: Instance, refresh_token: string) =>
    outcomeOf(await refreshTokens(signet, { refresh_token }))

  it('ends every access token, refresh token and mailed link from before the restore', async () => {
    const { storage, mailbox, start } = await setUp()
    let signet = await start(storage.environment)
    const early = await signUp(signet, EMAIL)
    const machine = (await signet.token(CLIENT_CREDENTIALS, AUTHORIZATION)).body
    expect((await signetd(storage.environment, 'keys', 'rotate', '--now')).code).toBe(0)
    await signet.reload()
    const late = await signIn(signet, EMAIL)
    const verifyToken = linkIn(await mailbox.mailTo(EMAIL, SUBJECTS.verify)).token
    await forgot(signet, EMAIL)
    const resetToken = linkIn(await mailbox.mailTo(EMAIL, SUBJECTS.reset)).token
    await signet.close()

    const restore = await dump(storage)
    signet = await start(storage.environment)
    const { access_token } = await signIn(signet, EMAIL)
    expect(
      outcomeOf(await signet.ask('/auth/logout', { body: { everywhere: true }, token: access_token })),
    ).toBe('204')
    const after = await signIn(signet, EMAIL)
    expect(await isActiveAt(signet, early.access_token)).toBe(false)
    await signet.close()

    const environment = await restore()
    signet = await start(environment)
    // The restore alone makes these valid again.
    expect(await isActiveAt(signet, early.access_token)).toBe(true)
    expect(await isActiveAt(signet, machine.access_token)).toBe(true)
    if (name === 'embedded') {
      const refused = await signetd(environment, 'restored')
      expect(refused).toEqual({
        code: 2,
        out: [],
        err: [expect.stringMatching(/is in use by another process/)],
      })
    }
    await signet.close()

    const { code, out } = await signetd(environment, 'restored', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out.join(''))).toMatchObject({ accounts: 1, sign_ins: 2, links: 2, faults: [] })
    const again = await signetd(environment, 'restored')
    expect(again).toMatchObject({ code: 0, err: [] })
    expect(again.out.join('\n')).toMatch(/sign-ins ended: 0, of 1 accounts\nmailed links voided: 0/)

    signet = await start(environment)
    for (const { access_token, refresh_token } of [early, late, after]) {
      expect(await isActiveAt(signet, access_token)).toBe(false)
      expect(await meWith(signet, access_token)).toBe('401 AUTH_TOKEN_INVALID')
      expect(await refreshWith(signet, refresh_token)).toMatch(/^401 /)
    }
    expect(await isActiveAt(signet, machine.access_token)).toBe(false)
    expect(await verify(signet, verifyToken)).toBe('400 LINK_INVALID')
    expect(await reset(signet, resetToken)).toBe('400 LINK_INVALID')
    const next = await signIn(signet, EMAIL)
    expect(await meWith(signet, next.access_token)).toBe('200')
    expect(await refreshWith(signet, next.refresh_token)).toBe('200')
    await signet.close()
  }, 120_000)

  it('ends everything but read-only keys, and says so with 2', async () => {
    const { storage, start } = await setUp()
    let signet = await start(storage.environment)
    const tokens = await signUp(signet, EMAIL)
    await signet.close()
    const KEYS_DIR = storage.environment['KEYS_DIR'] ?? ''
    chmodSync(KEYS_DIR, 0o500)
    const { code, out, err } = await signetd(storage.environment, 'restored')
    chmodSync(KEYS_DIR, 0o700)
    expect(code).toBe(2)
    expect(out.join('\n')).toMatch(/^sign-ins ended: 1, of 1 accounts/)
    expect(err).toEqual([
      expect.stringMatching(/^KEYS_DIR is read-only/),
      expect.stringMatching(/^the signing keys are not revoked/),
    ])
    signet = await start(storage.environment)
    expect(await refreshWith(signet, tokens.refresh_token)).toMatch(/^401 /)
    await signet.close()
  }, 60_000)

  it('makes the first key on a machine that has none', async () => {
    const { storage, start } = await setUp()
    const signet = await start(storage.environment)
    await signet.close()
    const KEYS_DIR = join(storage.environment['KEYS_DIR'] ?? '', 'none')
    const { code, out, err } = await signetd({ ...storage.environment, KEYS_DIR }, 'restored', '--json')
    expect({ code, err }).toEqual({ code: 0, err: [] })
    expect(JSON.parse(out.join(''))).toMatchObject({ revoked_keys: [], signing_key: expect.any(String) })
  }, 60_000)

  it.skipIf(!hasRedis || name === 'embedded')(
    'lets Redis forget the timelines of the lost database, of which the restored one may have a lower one',
    async () => {
      const { storage } = await setUp()
      const { url: REDIS_URL } = await createRedis()
      const redis = openRedis({ url: REDIS_URL, prefix: 'signet:restored:', log: createLog().log })
      onTestFinished(redis.close)
      await redis.connect()
      const memory = createTimelineMemory(redis)
      expect(await memory.raise('7', 5)).toBe(5)
      expect(await memory.raise('7', 4)).toBe(5)
      const environment = { ...storage.environment, REDIS_URL, REDIS_PREFIX: 'signet:restored:' }
      const { code, out } = await signetd(environment, 'restored', '--json')
      expect([code, JSON.parse(out.join('')).timelines_forgotten]).toEqual([0, true])
      expect(await memory.raise('7', 4)).toBe(4)
    },
  )

  it('says that there is no database, and changes no key', async () => {
    const { storage } = await setUp()
    const DATA_DIR = join(storage.environment['KEYS_DIR'] ?? '', 'none')
    const nowhere = { KEYS_DIR: storage.environment['KEYS_DIR'] ?? '', DATA_DIR }
    const { code, out, err } = await signetd(nowhere, 'restored')
    expect({ code, out, err }).toEqual({
      code: 2,
      out: [],
      err: [expect.stringMatching(/there is no database yet/)],
    })
  })
})
