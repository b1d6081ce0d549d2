import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  AGENT,
  authorizeStatus,
  CALLBACK,
  manage,
  REGISTERING,
  registerAgent,
  tryRegister,
} from '../../support/authorization/registrations.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import { signetd } from './support.ts'

describe.skipIf(!hasPostgres)('signetd clients, for clients that have registered themselves', () => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    signet = await deployment.start({ environment: { ...REGISTERING } })
  })
  afterAll(() => deployment.close())

  const run = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    signetd({ ...deployment.environment, ...REGISTERING, ISSUER, ...more }, ['clients', ...words])
  const json = async (words: readonly string[]) =>
    (await run([...words, '--json'])).out.map(line => JSON.parse(line) as Readonly<Record<string, unknown>>)
  const becomes = (status: number, client_id: string) =>
    vi.waitFor(async () => expect(await authorizeStatus(signet, client_id)).toBe(status), {
      timeout: 10_000,
      interval: 50,
    })

  it('shows what an id tells, and says where the keys are missing', async () => {
    const { client_id } = await registerAgent(signet)
    const [shown] = await json(['show', client_id])
    expect(shown).toMatchObject({
      client_id,
      sealed_in_id: { client_name: 'Agent', redirect_uris: [CALLBACK] },
    })
    expect(shown?.['registered_at']).toMatch(/^\d{4}-/)
    expect((await run(['show', client_id])).out.join('\n')).toContain('Agent')
    const blind = await run(['show', client_id], { CLIENT_ID_KEYS: '' })
    expect([blind.code, blind.out]).toEqual([1, []])
    expect(blind.err.join()).toContain('CLIENT_ID_KEYS')
  })

  it('disables and enables one by its id, without the keys', async () => {
    const [client, bystander] = [await registerAgent(signet), await registerAgent(signet)]
    const { client_id } = client
    const disabled = await run(['disable', client_id], { CLIENT_ID_KEYS: '' })
    expect(disabled).toEqual({ code: 0, out: [`disabled ${client_id}`], err: [] })
    await becomes(400, client_id)
    expect(await authorizeStatus(signet, bystander.client_id)).toBe(303)
    expect((await json(['show', client_id]))[0]).toMatchObject({
      state: 'disabled',
      is_self_registered: true,
    })
    expect((await run(['list', '--disabled'])).out.join()).toContain(client_id)
    expect((await run(['disable', client_id])).code).toBe(0)
    expect((await run(['enable', client_id])).code).toBe(0)
    await becomes(303, client_id)
    expect((await run(['check'])).code).toBe(0)
  })

  it('says what became of one that was deleted, and that a removed row leaves what the id tells', async () => {
    const client = await registerAgent(signet)
    await manage(signet, client, { method: 'DELETE' })
    expect((await json(['show', client.client_id]))[0]).toMatchObject({ state: 'deleted' })
    const removed = await run(['remove', client.client_id, '--now'])
    expect(removed.code).toBe(0)
    expect(removed.err.join()).toContain('what its id tells')
    await becomes(303, client.client_id)
  })

  it('disables by redirect host and by time, prints what is refused, and takes it back', async () => {
    const redirect_uris = [CALLBACK, 'https://evil.example/cb']
    const [evil, good] = [await registerAgent(signet, { redirect_uris }), await registerAgent(signet)]
    expect((await run(['disable', '--redirect-host', 'EVIL.example'])).code).toBe(0)
    await becomes(400, evil.client_id)
    expect(await authorizeStatus(signet, good.client_id)).toBe(303)
    const from = '2026-01-01T00:00:00Z'
    const until = new Date(Date.now() + 60_000).toISOString()
    const span = ['--registered-from', from, '--registered-until', until]
    expect((await run(['disable', ...span])).code).toBe(0)
    await becomes(400, good.client_id)
    const [host, time] = await json(['refused'])
    expect(host).toEqual({ redirect_host: 'evil.example' })
    expect(time?.['registered_from']).toBe('2026-01-01T00:00:00.000Z')
    const { registered_from, registered_until } = time ?? {}
    const same = [
      '--registered-from',
      String(registered_from),
      '--registered-until',
      String(registered_until),
    ]
    expect((await run(['enable', ...same])).code).toBe(0)
    expect((await run(['enable', '--redirect-host', 'evil.example'])).code).toBe(0)
    expect((await run(['enable', '--redirect-host', 'evil.example'])).code).toBe(1)
    await becomes(303, good.client_id)
    await becomes(303, evil.client_id)
  })

  it.each([
    ['nothing', []],
    ['two at once', ['some', '--redirect-host', 'a.example']],
    ['an end without a beginning', ['--registered-until', '2026-01-01']],
    ['no time', ['--registered-from', 'yesterday']],
    [
      'a span that ends before it begins',
      ['--registered-from', '2026-01-02', '--registered-until', '2026-01-01'],
    ],
    ['no host', ['--redirect-host', 'https://a.example/cb']],
  ])('refuses %s with 2', async (_, words) => {
    expect((await run(['disable', ...words])).code).toBe(2)
  })

  it('makes a token that registers as often as it says', async () => {
    const at = await deployment.start({ environment: { ...REGISTERING, REGISTRATION: 'token' } })
    const [made] = await json(['token', '--uses', '2', '--hours', '1'])
    const token = String(made?.['initial_access_token'])
    expect(token).toMatch(/^signet_it_[\w-]{43}$/)
    const asked = [
      await tryRegister(at, AGENT, token),
      await tryRegister(at, AGENT, token),
      await tryRegister(at, AGENT, token),
    ]
    expect(asked.map(({ status }) => status)).toEqual([201, 201, 401])
    expect(JSON.stringify(await deployment.database.sql`select * from registration_tokens`)).not.toContain(
      token,
    )
    const [plain] = (await run(['token'])).out
    expect(plain).toMatch(/^signet_it_[\w-]{43}$/)
    for (const words of [
      ['--uses', '0'],
      ['--hours', '1e3'],
    ])
      expect((await run(['token', ...words])).code).not.toBe(0)
    await at.close()
  })
})
