import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sidOf, signUp } from '../../support/accounts/account-api.ts'
import {
  type Administration,
  openAdministration,
  tokenOfClient,
} from '../../support/accounts/administration.ts'
import type { Answer } from '../../support/answer.ts'
import { newEmail } from '../../support/ask.ts'
import { bindingsOf } from '../../support/bindings.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'

type Item = Readonly<Record<string, unknown>>

describe('the events of the administration', () => {
  let deployment: Deployment
  let instance: Instance
  let ask: Administration
  beforeAll(async () => {
    ;({ deployment, instance, ask } = await openAdministration('watcher'))
  })
  afterAll(() => deployment.close())

  const itemsOf = ({ status, body }: Answer) => {
    expect(status).toBe(200)
    return body['items'] as readonly Item[]
  }
  const faultsOf = ({ status, body }: Answer) => [status, body.errors?.map(({ pointer }) => pointer)]
  const exportOf = (query: string) => ask(`/events?${query}`, { headers: { accept: 'application/x-ndjson' } })
  const linesOf = ({ status, text }: Answer): readonly Item[] => {
    expect(status).toBe(200)
    return text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as Item)
  }

  it('tell of a person, their sign-in and their client, the newest first, a page at a time', async () => {
    const tokens = await signUp(instance, newEmail())
    const bystander = await signUp(instance, newEmail())
    const of = async (query: string) => itemsOf(await ask(`/events?${query}`)).map(({ kind }) => kind)
    expect(await of(`sub=${tokens.user.id}`)).toEqual(['sign_in.opened', 'account.registered'])
    expect(await of(`sid=${sidOf(tokens)}`)).toEqual(['sign_in.opened'])
    expect(await of(`sub=${tokens.user.id}&kind=account.registered`)).toEqual(['account.registered'])
    expect(await of(`sub=${tokens.user.id}&outcome=refused`)).toEqual([])
    expect(await of(`sub=${bystander.user.id}&sid=${sidOf(tokens)}`)).toEqual([])
    const first = await ask(`/events?sub=${tokens.user.id}&limit=1`)
    expect(itemsOf(first)).toHaveLength(1)
    expect(await of(`sub=${tokens.user.id}&limit=1&after=${String(first.body['next'])}`)).toEqual([
      'account.registered',
    ])
  })

  it('are shown one by one', async () => {
    const [event] = itemsOf(await ask('/events?kind=account.registered&limit=1'))
    const answer = await ask(`/events/${String(event?.['id'])}`)
    expect([answer.status, answer.body]).toEqual([200, event])
    expect((await ask('/events/00000000-0000-7000-8000-000000000000')).status).toBe(404)
    expect((await ask('/events/one')).status).toBe(404)
  })

  it('are found between two times: the first is included, the last is not', async () => {
    const { user } = await signUp(instance, newEmail())
    const [event] = itemsOf(await ask(`/events?sub=${user.id}&kind=account.registered`))
    const at = String(event?.['at'])
    const next = new Date(Date.parse(at) + 1).toISOString()
    const count = async (query: string) =>
      itemsOf(await ask(`/events?sub=${user.id}&kind=account.registered&${query}`)).length
    expect(await count(`from=${at}`)).toBe(1)
    expect(await count(`from=${next}`)).toBe(0)
    expect(await count(`until=${at}`)).toBe(0)
    expect(await count(`until=${next}`)).toBe(1)
  })

  it('are not searched by an outcome or a reason alone for more than a day', async () => {
    const day = 'from=2026-11-01T00:00:00Z&until=2026-11-02T00:00:00Z'
    const more = 'from=2026-11-01T00:00:00Z&until=2026-11-02T00:00:01Z'
    expect((await ask(`/events?outcome=refused&${day}`)).status).toBe(200)
    expect(faultsOf(await ask(`/events?outcome=refused&${more}`))).toEqual([422, ['#/outcome']])
    expect(faultsOf(await ask('/events?reason=reused'))).toEqual([422, ['#/reason']])
    expect(faultsOf(await ask('/events?reason=reused&from=2026-11-01T00:00:00Z'))).toEqual([
      422,
      ['#/reason'],
    ])
    expect((await ask('/events?reason=reused&kind=sign_in.ended')).status).toBe(200)
  })

  it.each([
    ['kind=sign_in.flown', '#/kind'],
    ['kind=constructor', '#/kind'],
    ['outcome=maybe', '#/outcome'],
    ['sub=ann', '#/sub'],
    ['from=yesterday', '#/from'],
    ['after=1', '#/after'],
    ['limit=201', '#/limit'],
    ['order=asc', '#/order'],
  ])('name the parameter that is refused: %s', async (query, pointer) => {
    expect(faultsOf(await ask(`/events?${query}`))).toEqual([422, [pointer]])
  })

  it('are exported as JSON lines, page after page', async () => {
    const client_id = 'a "client"\nof\u2028lines'
    await deployment.database.run(
      sql => sql`
        insert into signet.events (kind, client_id, details)
        select 'client.changed', ${client_id}, jsonb_build_object('index', index)
        from generate_series(1, 1200) index`,
    )
    const lines = linesOf(await exportOf(`client_id=${encodeURIComponent(client_id)}`))
    const indexes = lines.map(({ details }) => (details as Item)['index'])
    expect(new Set(indexes).size).toBe(1_200)
    expect(lines.map(({ id }) => String(id))).toEqual(
      lines
        .map(({ id }) => String(id))
        .toSorted()
        .toReversed(),
    )
    const last = String(lines[1_000]?.['id'])
    const rest = linesOf(await exportOf(`client_id=${encodeURIComponent(client_id)}&after=${last}`))
    expect(rest).toEqual(lines.slice(1_001))
    expect(linesOf(await exportOf('client_id=nothing'))).toEqual([])
  })

  it('are exported to two readers at once: a reader who leaves makes room', async () => {
    if (instance.internalApp === null) throw new Error('the internal listener is off')
    const { internalApp } = instance
    const open = async () => {
      const request = new Request('http://localhost/admin/events', {
        headers: { accept: 'application/x-ndjson', authorization: `Bearer ${token}` },
      })
      return internalApp.fetch(request, bindingsOf(request))
    }
    const token = await tokenOfClient(instance, 'watcher')
    const [one, other] = [await open(), await open()]
    expect([one.status, other.status, (await open()).status]).toEqual([200, 200, 429])
    expect((await ask('/events')).status).toBe(200)
    await one.body?.cancel()
    const third = await open()
    expect(third.status).toBe(200)
    await other.body?.cancel()
    await third.body?.cancel()
  })
})
