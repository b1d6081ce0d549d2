import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ADMINISTERING,
  type Administration,
  administrationBy,
  administrationOf,
  tokenOfClient,
} from '../../support/accounts/administration.ts'
import type { Answer } from '../../support/answer.ts'
import { basic, CLIENTS, createPepperText, SECRETS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'

type Item = Readonly<Record<string, unknown>>

describe('the clients of the administration', () => {
  let deployment: Deployment
  let one: Instance
  let other: Instance
  let admin: Administration
  let elsewhere: Administration
  let viewer: Administration
  beforeAll(async () => {
    deployment = await openDeployment([...CLIENTS, ...ADMINISTERING])
    one = await deployment.start()
    other = await deployment.start()
    const token = await tokenOfClient(one, 'operator')
    admin = administrationOf(one, token)
    elsewhere = administrationOf(other, token)
    viewer = await administrationBy(one, 'watcher')
  })
  afterAll(() => deployment.close())

  let made = 0
  const form = (more: Item = {}) => ({
    client_id: `made-${(made += 1)}`,
    grant_types: ['client_credentials'],
    scope: 'read',
    audience: ['https://api.example'],
    ...more,
  })
  const create = async (more: Item = {}) => {
    const answer = await admin('/clients', { method: 'POST', body: form(more) })
    expect(answer.status).toBe(201)
    const client_id = String(answer.body['client_id'])
    return { client_id, secret: String(answer.body['client_secret']), etag: etagOf(answer) }
  }
  const etagOf = ({ headers }: Answer) => headers.get('etag') ?? ''
  const tokenStatus = async (instance: Instance, client_id: string, secret: string) =>
    (await instance.token({ grant_type: 'client_credentials' }, basic(client_id, secret))).status
  /** Waits for what every instance does by itself within two seconds. */
  const eventually = (expected: number, ask: () => Promise<number>) =>
    expect.poll(ask, { timeout: 10_000, interval: 100 }).toBe(expected)
  const shown = async (client_id: string) => (await admin(`/clients/${encodeURIComponent(client_id)}`)).body
  const pointersOf = ({ status, body }: Answer) => [status, body.errors?.map(({ pointer }) => pointer)]

  it('can be used where they were created, and on the other instance within seconds', async () => {
    const { client_id, secret } = await create()
    expect(await tokenStatus(one, client_id, secret)).toBe(200)
    await eventually(200, () => tokenStatus(other, client_id, secret))
    const { body } = await admin(`/events?client_id=${client_id}`)
    const [event] = body['items'] as readonly Item[]
    expect(event).toMatchObject({ kind: 'client.created', actor: { type: 'client', id: 'operator' } })
    expect(event?.['ip']).toEqual(expect.any(String))
    const line = one.lines.find(({ path, status }) => path === '/admin/clients' && status === 201)
    expect(event?.['request_id']).toEqual(expect.any(String))
    expect(line?.['administrator']).toBe('client:operator')
  })

  it('never show a secret but in the answer that made it', async () => {
    const { client_id, secret } = await create()
    const own = createPepperText()
    const given = await create({ client_secret: own })
    const texts = [
      (await admin(`/clients/${client_id}`)).text,
      (await admin('/clients?limit=200')).text,
      (await admin(`/clients/${given.client_id}`)).text,
      (await admin('/events?limit=200')).text,
      JSON.stringify(one.lines),
    ]
    for (const text of texts)
      for (const each of [secret, own, SECRETS.service]) expect(text).not.toContain(each)
  })

  it('are listed once each, those of the file at their place among those of the database', async () => {
    const { client_id } = await create()
    const ids: string[] = []
    for (let after: string | null = ''; after !== null; ) {
      const answer: Answer = await viewer(`/clients?limit=3${after === '' ? '' : `&after=${after}`}`)
      ids.push(...(answer.body['items'] as readonly Item[]).map(item => String(item['client_id'])))
      after = answer.body['next'] as string | null
    }
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => (a < b ? -1 : 1)))
    expect(ids).toEqual(expect.arrayContaining([client_id, 'service', 'odd id:+%']))
    expect(await shown('odd id:+%')).toMatchObject({ source: 'file', version: null })
  })

  it('are not changed by a viewer, nor where CLIENTS_FILE has them', async () => {
    const { client_id, secret } = await create()
    for (const [path, method] of [
      ['/clients', 'POST'],
      [`/clients/${client_id}`, 'PUT'],
      [`/clients/${client_id}`, 'DELETE'],
      [`/clients/${client_id}/disable`, 'POST'],
      [`/clients/${client_id}/enable`, 'POST'],
      [`/clients/${client_id}/end-everything`, 'POST'],
      [`/clients/${client_id}/secrets`, 'POST'],
    ] as const)
      expect((await viewer(path, { method, body: {} })).status).toBe(403)
    expect(await tokenStatus(one, client_id, secret)).toBe(200)
    const refused = await admin('/clients/service/secrets', { method: 'POST', body: {} })
    expect([refused.status, refused.body.code]).toEqual([409, 'CLIENT_READ_ONLY'])
    expect((await admin('/clients', { method: 'POST', body: form({ client_id: 'service' }) })).status).toBe(
      409,
    )
    expect(
      (await admin('/clients', { method: 'POST', body: form({ client_id: 'signet-console' }) })).status,
    ).toBe(422)
  })

  it('name each field that is refused, and write nothing of such a form', async () => {
    const bad = form({ scope: 7, redirect_uri: 'https://a.example' })
    expect(pointersOf(await admin('/clients', { method: 'POST', body: bad }))).toEqual([
      422,
      expect.arrayContaining(['#/scope', '#/redirect_uri']),
    ])
    expect((await admin(`/clients/${bad.client_id}`)).status).toBe(404)
    const { client_id, secret } = await create()
    const put = await admin(`/clients/${client_id}`, {
      method: 'PUT',
      body: { ...bad, client_id, client_name: 'a\u202eb' },
    })
    expect(pointersOf(put)).toEqual([422, expect.arrayContaining(['#/scope', '#/client_name'])])
    expect(await shown(client_id)).toMatchObject({ client: { scope: 'read' } })
    expect(await tokenStatus(one, client_id, secret)).toBe(200)
    const renamed = await admin(`/clients/${client_id}`, { method: 'PUT', body: form() })
    expect(pointersOf(renamed)).toEqual([422, ['#/client_id']])
  })

  it.each(['signet:admin', 'read signet:viewer', 'signet:anything'])(
    'never get the scope %s, which would outlast the role of the administrator who gave it',
    async scope => {
      const given = form({ scope })
      expect(pointersOf(await admin('/clients', { method: 'POST', body: given }))).toEqual([422, ['#/scope']])
      expect((await admin(`/clients/${given.client_id}`)).status).toBe(404)
      const { client_id, secret } = await create()
      const put = await admin(`/clients/${client_id}`, { method: 'PUT', body: form({ client_id, scope }) })
      expect(pointersOf(put)).toEqual([422, ['#/scope']])
      expect(await tokenStatus(one, client_id, secret)).toBe(200)
    },
  )

  it('keep what the first of two administrators wrote who had looked at the same version', async () => {
    const { client_id, secret, etag } = await create()
    const put = (ask: Administration, client_name: string) =>
      ask(`/clients/${client_id}`, {
        method: 'PUT',
        headers: { 'if-match': etag },
        body: { ...form({ client_id }), client_name },
      })
    const answers = await Promise.all([put(admin, '<b>one'), put(elsewhere, "'; drop table")])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412])
    const won = answers.find(({ status }) => status === 200)
    expect(await shown(client_id)).toMatchObject({ client: won?.body['client'] })
    expect(etagOf(await admin(`/clients/${client_id}`))).toBe(won && etagOf(won))
    expect(await tokenStatus(one, client_id, secret)).toBe(200)
    const gone = await admin(`/clients/${client_id}`, { method: 'DELETE', headers: { 'if-match': etag } })
    expect(gone.status).toBe(412)
    expect((await admin(`/clients/${client_id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await admin(`/clients/${client_id}`, { method: 'DELETE' })).status).toBe(404)
  })

  it('are disabled and enabled, however often, while others live', async () => {
    const { client_id, secret } = await create()
    const bystander = await create()
    for (const verb of ['disable', 'disable', 'enable', 'enable']) {
      const answer = await admin(`/clients/${client_id}/${verb}`, { method: 'POST' })
      expect([answer.status, answer.body['state']]).toEqual([200, `${verb}d`])
      expect(await tokenStatus(one, client_id, secret)).toBe(verb === 'disable' ? 401 : 200)
    }
    expect(await tokenStatus(one, bystander.client_id, bystander.secret)).toBe(200)
    expect((await admin(`/clients/${client_id}/end-everything`, { method: 'POST' })).status).toBe(200)
  })

  describe('whose secret is replaced', () => {
    const rotate = (client_id: string, json: Item = {}) =>
      admin(`/clients/${client_id}/secrets`, { method: 'POST', body: json })

    it('get tokens all the while, by the former secret and by the new one', async () => {
      const { client_id, secret } = await create()
      await eventually(200, () => tokenStatus(other, client_id, secret))
      const over = new AbortController()
      const refused: number[] = []
      const asking = [one, other].map(async instance => {
        while (!over.signal.aborted) {
          const status = await tokenStatus(instance, client_id, secret)
          if (status !== 200) refused.push(status)
        }
      })
      const answer = await rotate(client_id)
      const next = String(answer.body['client_secret'])
      expect(await tokenStatus(one, client_id, next)).toBe(200)
      await eventually(200, () => tokenStatus(other, client_id, next))
      over.abort()
      await Promise.all(asking)
      expect(refused).toEqual([])
      expect(await tokenStatus(one, client_id, createPepperText())).toBe(401)
      expect(answer.body['secrets']).toMatchObject([{ is_former: false }, { is_former: true }])
    })

    it('lose the former secret at its time, or at once without an overlap', async () => {
      const { client_id, secret } = await create()
      const next = String((await rotate(client_id, { overlap_seconds: 0 })).body['client_secret'])
      expect(await tokenStatus(one, client_id, secret)).toBe(401)
      expect(await tokenStatus(one, client_id, next)).toBe(200)
      const later = await deployment.start({ clock: () => new Date(Date.now() + 61_000) })
      await rotate(client_id, { overlap_seconds: 60 })
      await eventually(401, () => tokenStatus(later, client_id, next))
      expect(await tokenStatus(one, client_id, next)).toBe(200)
      await later.close()
    })

    it('keep the secret in use when a lost answer is asked for again', async () => {
      const { client_id, secret } = await create()
      expect(await tokenStatus(one, client_id, secret)).toBe(200)
      const lastUse = async () => JSON.stringify((await shown(client_id))['secrets'])
      await expect.poll(lastUse, { timeout: 10_000 }).not.toContain('"last_used_at":null')
      await rotate(client_id)
      await rotate(client_id)
      expect(await tokenStatus(one, client_id, secret)).toBe(200)
      expect(await shown(client_id)).toMatchObject({
        secrets: [
          { is_former: false, last_used_at: null, expires_at: null },
          { is_former: true, last_used_at: expect.stringMatching(/:00:00\.000Z$/) },
        ],
      })
    })
  })
})
