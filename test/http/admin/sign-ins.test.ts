import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ALIVE,
  claimsOf,
  DEAD,
  lives,
  refreshTokens,
  sidOf,
  signIn,
  signUp,
} from '../../support/accounts/account-api.ts'
import { giveExternalId } from '../../support/accounts/account-lines.ts'
import { type Administration, openAdministration } from '../../support/accounts/administration.ts'
import { newEmail } from '../../support/ask.ts'
import { SECRETS } from '../../support/clients.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000009'

describe('sign-ins in the administration', () => {
  let deployment: Deployment
  let instance: Instance
  let ask: Administration
  const mails: string[] = []
  beforeAll(async () => {
    ;({ deployment, instance, ask } = await openAdministration('operator', {
      printMail: text => void mails.push(text),
    }))
  })
  afterAll(() => deployment.close())

  const person = async () => {
    const email = newEmail()
    const tokens = await signUp(instance, email, { client_id: 'app' })
    return { email, sub: tokens.user.id, tokens, sid: sidOf(tokens), path: `/sign-ins/${sidOf(tokens)}` }
  }
  const set = (sid: string, change: 'idle_expires_at' | 'expires_at') =>
    deployment.database.run(
      sql =>
        sql`update signet.refresh_families set ${sql(change)} = now() - interval '1 minute' where id = ${sid}`,
    )
  const stateOf = async (path: string) => {
    const { body } = await ask(path)
    return [body['state'], body['reason'], body['ended_at'] !== null]
  }

  it('are shown with what they are by now, and why', async () => {
    const { path, sub, email, sid } = await person()
    const { body } = await ask(path)
    expect(body).toMatchObject({
      sid,
      sub,
      email,
      client_id: 'app',
      generation: 0,
      state: 'living',
      amr: ['pwd'],
    })
    expect(await stateOf(path)).toEqual(['living', null, false])
    await set(sid, 'idle_expires_at')
    expect(await stateOf(path)).toEqual(['idle', 'idle', true])
    await set(sid, 'expires_at')
    expect(await stateOf(path)).toEqual(['expired', 'expired', true])
    const disabled = await person()
    await deployment.database.run(
      sql => sql`update signet.users set disabled_at = now() where id = ${disabled.sub}`,
    )
    expect(await stateOf(disabled.path)).toEqual(['account_disabled', 'disabled', true])
    const passed = await person()
    await deployment.database.run(
      sql => sql`update signet.users set credential_epoch = credential_epoch + 1 where id = ${passed.sub}`,
    )
    expect(await stateOf(passed.path)).toEqual(['epoch_passed', 'epoch_passed', false])
    expect((await ask(`/sign-ins/${UNKNOWN_ID}`)).status).toBe(404)
    expect((await ask('/sign-ins/x')).status).toBe(404)
  })

  it('have a timeline: issued, rotated, ended', async () => {
    const { path, tokens } = await person()
    const second = (await refreshTokens(instance, tokens)).body
    await refreshTokens(instance, second)
    await refreshTokens(instance, tokens)
    const { body } = await ask(`${path}/timeline`)
    const steps = body['steps'] as readonly { step: string; count: number; because: string | null }[]
    expect(steps.map(({ step, count }) => [step, count])).toEqual([
      ['issued', 1],
      ['rotated', 2],
      ['ended', 1],
    ])
    expect(steps.at(-1)?.because).toContain('presented a second time')
    expect(body['sign_in']).toMatchObject({ state: 'ended', reason: 'reuse' })
    const kinds = (body['events'] as { kind: string }[]).map(({ kind }) => kind)
    expect(kinds).toEqual(['sign_in.opened', 'refresh_token.reused', 'sign_in.ended'])
    expect((await ask(`/sign-ins/${UNKNOWN_ID}/timeline`)).status).toBe(404)
  })

  it('are ended, one at a time, and again without harm', async () => {
    const { path, email, tokens, sub } = await person()
    const other = await signIn(instance, email, { client_id: 'app' })
    expect((await ask(`${path}/end`, { method: 'POST' })).body).toEqual({ ended: 1 })
    expect((await ask(`${path}/end`, { method: 'POST' })).body).toEqual({ ended: 0 })
    expect(await lives(instance, tokens)).toEqual(DEAD)
    expect((await refreshTokens(instance, other)).status).toBe(200)
    expect(await stateOf(path)).toEqual(['ended', 'ended_by_operator', true])
    const { events } = (await ask(`${path}/timeline`)).body as unknown as {
      events: { id: string; request_id: string }[]
    }
    const last = events.at(-1)
    expect(last).toMatchObject({
      kind: 'sign_in.ended',
      actor: { type: 'client', id: 'operator' },
      sub,
      sid: sidOf(tokens),
    })
    for (const [kind, id] of [
      ['event', last?.id],
      ['request', last?.request_id],
    ])
      expect((await ask(`/find?q=${id}`)).body['matches']).toContainEqual(
        expect.objectContaining({ kind, id }),
      )
    expect((await ask(`/sign-ins/${UNKNOWN_ID}/end`, { method: 'POST' })).status).toBe(404)
    const { body } = await ask(`/accounts/${sub}/sign-ins`)
    expect((body['items'] as { sid: string }[]).map(({ sid }) => sid)).toEqual([sidOf(other), sidOf(tokens)])
    expect((await ask(`/accounts/${UNKNOWN_ID}/sign-ins`)).status).toBe(404)
  })

  it('are ended with everything of a person or a client', async () => {
    const [one, bystander] = [await person(), await person()]
    const revoke = (body: object) => ask('/revocations', { body })
    expect((await revoke({ sub: one.sub })).body).toEqual({ sub: one.sub, ended: 1 })
    expect((await revoke({ sub: one.sub })).body).toEqual({ sub: one.sub, ended: 0 })
    expect(await lives(instance, one.tokens)).toEqual(DEAD)
    expect((await refreshTokens(instance, bystander.tokens)).status).toBe(200)
    expect((await revoke({ sub: UNKNOWN_ID })).status).toBe(404)
    expect((await revoke({ sub: one.sub, client_id: 'app' })).status).toBe(422)
    expect((await revoke({})).status).toBe(422)
    expect((await revoke({ client_id: 'ä' })).status).toBe(422)
    const elsewhere = await signUp(instance, newEmail(), { client_id: 'grace-app' })
    expect((await revoke({ client_id: 'grace-app' })).body).toEqual({ client_id: 'grace-app' })
    expect((await refreshTokens(instance, elsewhere, { client_id: 'grace-app' })).status).toBe(401)
    expect(await lives(instance, (await person()).tokens)).toContain(ALIVE[1])
  })

  it('come with the consents of their person', async () => {
    const { sub } = await person()
    expect((await ask(`/accounts/${sub}/consents`)).body).toEqual({ items: [], next: null })
    const asking = { method: 'DELETE' }
    expect((await ask(`/accounts/${sub}/consents/app`, asking)).body).toEqual({ ended: 0 })
    await deployment.database.run(
      sql => sql`
        insert into signet.consents (user_id, client_id, granted) values (${sub}, 'app', '{read}')`,
    )
    const { body } = await ask(`/accounts/${sub}/consents`)
    expect(body['items']).toEqual([expect.objectContaining({ client_id: 'app', granted: ['read'] })])
    expect((await ask(`/accounts/${sub}/consents/app`, asking)).body).toEqual({ ended: 1 })
    expect((await ask(`/accounts/${sub}/consents`)).body['items']).toEqual([])
    expect((await ask(`/accounts/${UNKNOWN_ID}/consents`)).status).toBe(404)
  })

  it('are found by what names them', async () => {
    const { sid, sub, email, tokens } = await person()
    await giveExternalId(deployment.database, sub, `ext|${sub}`)
    const find = async (q: string) => {
      const { status, body } = await ask(`/find?q=${encodeURIComponent(q)}`)
      const matches = (body['matches'] ?? []) as { kind: string; id: string }[]
      return status === 200 ? matches.map(({ kind, id }) => [kind, id]) : status
    }
    for (const q of [sub, ` ${sub.toUpperCase()}`, email, email.slice(0, -4), `ext|${sub}`])
      expect(await find(q)).toContainEqual(['account', sub])
    expect(await find(sid)).toEqual([['sign_in', sid]])
    expect(await find('app')).toEqual([['client', 'app']])
    expect(await find('192.0.2.44')).toEqual([['address', '192.0.2.44']])
    expect(await find('2001:db8::1')).toEqual([['address', '2001:db8::1']])
    const jti = String(claimsOf(tokens.access_token)['jti'])
    expect(await find(jti)).toEqual([])
    await instance.post('/revoke', { token: tokens.access_token, client_id: 'app' })
    expect(await find(jti)).toEqual([['access_token', jti]])
    const { kid } = JSON.parse(
      Buffer.from(tokens.access_token.split('.')[0] ?? '', 'base64url').toString(),
    ) as {
      kid: string
    }
    expect(await find(kid)).toEqual([['key', kid]])
    for (const q of ['', ' ', '\0', 'x'.repeat(1_025)]) expect(await find(q)).toBe(422)
    for (const q of ["' or 1=1 --", '%', '__', SECRETS.service, 'person%']) expect(await find(q)).toEqual([])
    expect((await ask('/find')).status).toBe(422)
    expect(await find('per')).toHaveLength(Math.min(20, ((await find('per')) as unknown[]).length))
  })

  it('are found by the last event about them when nothing else is left', async () => {
    const gone = await person()
    const client_id = `gone-${gone.sub}`
    const registration = { client_id, grant_types: ['client_credentials'], scope: 'read' }
    expect((await ask('/clients', { method: 'POST', body: registration })).status).toBe(201)
    for (const path of [`/accounts/${gone.sub}`, `/clients/${client_id}`])
      expect((await ask(path, { method: 'DELETE' })).status).toBe(204)
    for (const [q, kind] of [
      [gone.sub, 'account.deleted'],
      [gone.sid, 'sign_in.ended'],
      [client_id, 'client.deleted'],
    ] as const) {
      const [match, ...more] = (await ask(`/find?q=${q}`)).body['matches'] as { kind: string; id: string }[]
      expect([match?.kind, more]).toEqual(['event', []])
      expect((await ask(`/events/${match?.id}`)).body['kind']).toBe(kind)
    }
  })
})
