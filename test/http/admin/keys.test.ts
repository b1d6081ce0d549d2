import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Administration,
  administrationBy,
  openAdministration,
} from '../../support/accounts/administration.ts'
import type { Answer } from '../../support/answer.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'

type Item = Readonly<Record<string, unknown>>

describe('the signing keys of the administration', () => {
  let deployment: Deployment
  let instance: Instance
  let ask: Administration
  beforeAll(async () => {
    ;({ deployment, instance, ask } = await openAdministration('operator'))
  })
  afterAll(() => deployment.close())

  const itemsOf = ({ body }: Answer) => body['items'] as readonly Item[]
  const statesOf = (answer: Answer) => itemsOf(answer).map(({ state }) => state)
  const kidOf = (answer: Answer, state: string) =>
    String(itemsOf(answer).find(key => key['state'] === state)?.['kid'])
  const post = (path: string, body: Item = {}) => ask(path, { method: 'POST', body })
  const kindsOf = async (kid: string) => {
    const { body } = await ask('/events?actor=client:operator&limit=200')
    return (body['items'] as readonly Item[])
      .filter(({ details }) => (details as Item)['kid'] === kid)
      .map(({ kind }) => String(kind))
  }

  it('are announced, take over, and are revoked, each with its event', async () => {
    const first = kidOf(await ask('/keys'), 'signing')
    const rotated = await post('/keys/rotate')
    expect(statesOf(rotated)).toEqual(['signing', 'announced'])
    const next = kidOf(rotated, 'announced')
    expect(await kindsOf(next)).toEqual(['key.created'])
    expect([(await post('/keys/rotate')).status, (await post(`/keys/${first}/retire`)).status]).toEqual([
      409, 409,
    ])
    expect((await post(`/keys/${first}/retire`, { now: true })).status).toBe(200)
    // A schedule is in whole seconds: the successor signs from the next one on.
    await expect
      .poll(async () => statesOf(await ask('/keys')), { timeout: 5_000 })
      .toEqual(['retired', 'signing'])
    expect((await kindsOf(next)).toSorted((one, other) => one.localeCompare(other))).toEqual([
      'key.created',
      'key.promoted',
    ])
    expect(await kindsOf(first)).toEqual(['key.retired'])
    expect((await post(`/keys/${first}/revoke`)).status).toBe(422)
    ask = await administrationBy(instance, 'operator')
    expect(statesOf(await post(`/keys/${first}/revoke`, { now: true }))).toEqual(['signing'])
    expect(await kindsOf(first)).toEqual(['key.revoked', 'key.retired'])
    const noteOf = async (kid: string) =>
      ((await ask(`/find?q=${kid}`)).body['matches'] as readonly Item[]).map(({ kind, note }) => [kind, note])
    expect(await noteOf(next)).toEqual([['key', 'A published signing key, which was not revoked.']])
    expect(await noteOf(first)).toEqual([['event', expect.stringContaining('A signing key was revoked')]])
    expect((await instance.ask('/.well-known/jwks.json')).text).not.toContain(first)
    expect((await ask('/keys')).status).toBe(200)
  })

  it('are not changed by a viewer, and no unknown one is', async () => {
    const viewer = await administrationBy(instance, 'watcher')
    const before = itemsOf(await viewer('/keys'))
    expect((await viewer('/keys/rotate', { method: 'POST', body: {} })).status).toBe(403)
    expect((await post('/keys/unknown/revoke', { now: true })).status).toBe(404)
    expect((await post('/keys/rotate', { soon: true })).status).toBe(422)
    expect(itemsOf(await viewer('/keys'))).toEqual(before)
  })
})
