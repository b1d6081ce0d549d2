import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDpopKey } from '../support/authorization/dpop.ts'
import { askApp } from '../support/bindings.ts'
import { API, CLIENTS, type ClientEntry, createOtherPepperText } from '../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../support/deployment.ts'
import { ageFamily, rowOf, type SeededFamily, seedFamily } from '../support/families.ts'
import { createBystanders, INVALID_GRANT, refresh, refused, rotated } from '../support/refresh.ts'

const WINDOW = 1_800
const AGENT: ClientEntry = {
  client_id: 'agent',
  token_endpoint_auth_method: 'none',
  grant_types: ['refresh_token'],
  scope: 'read write',
  audience: [API],
  refresh_grace_seconds: WINDOW,
}
const AS_AGENT = { client_id: 'agent' }

describe.each(deployments)('docs/refresh-families.md – the long window, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  let other: Instance
  beforeAll(async () => {
    deployment = await open([...CLIENTS, AGENT])
    signet = await deployment.start({ environment: { INTERNAL_PORT: '1' } })
    other = await deployment.start()
  })
  afterAll(() => deployment.close())

  const seed = (more = {}) => seedFamily(deployment, { ...AS_AGENT, audience: [API], ...more })
  const age = ({ id }: SeededFamily, seconds: number) => ageFamily(deployment.database, id, seconds)
  const present = (token: string, at = signet) => refresh(at, token, AS_AGENT)
  const succeed = (token: string, at = signet) => rotated(at, token, AS_AGENT)
  /** A family whose tokens of the generations 0 and 1 are superseded. */
  const superseded = async () => {
    const family = await seed()
    return { family, current: await succeed(await succeed(family.refresh_token)) }
  }

  it('keeps ten processes alive that share one stored token for an hour, over two instances', async () => {
    const family = await seed()
    const stored = { token: family.refresh_token as string }
    const random = createRandom(7)
    const processes = Array.from({ length: 10 }, () => ({ due: random(900), token: stored.token }))
    let now = 0
    for (;;) {
      const due = Math.min(...processes.map(each => each.due))
      if (due > 3_600) break
      await age(family, due - now)
      now = due
      // Some come in the same second, half of them with the token that they have kept since their last refresh.
      await Promise.all(
        processes
          .filter(each => each.due <= now + 1)
          .map(async (each, index) => {
            const token = random(2) < 1 ? each.token : stored.token
            each.token = await succeed(token, index % 2 === 0 ? signet : other)
            stored.token = each.token
            each.due = now + 60 + random(840)
          }),
      )
    }
    await Promise.all(processes.map(({ token }) => succeed(token)))
    const row = await rowOf(deployment, family.id)
    expect(row.revoked_at).toBeNull()
    expect(row.generation).toBeGreaterThan(10)
  })

  it('answers parallel requests with tokens of several generations by one step, over two instances', async () => {
    const { family, current } = await superseded()
    const tokens = [family.refresh_token, family.tokenAt(1), current]
    const answers = await Promise.all(
      Array.from({ length: 18 }, (_, turn) =>
        present(tokens[turn % 3] ?? '', turn % 2 === 0 ? signet : other),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    const { generation, revoked_at } = await rowOf(deployment, family.id)
    expect([generation, revoked_at]).toEqual([3, null])
    await succeed(family.tokenAt(3))
  })

  it('ends the family for a thief’s token from before the window, and nothing else (RFC 9700 §4.14.2)', async () => {
    const { family, current } = await superseded()
    const bystanders = await createBystanders(deployment, family)
    await age(family, WINDOW - 30)
    expect(await succeed(family.refresh_token)).toBe(current)
    await age(family, 30)
    expect(await refused(signet, family.refresh_token, AS_AGENT)).toEqual(INVALID_GRANT)
    expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
    expect(await refused(signet, current, AS_AGENT)).toEqual(INVALID_GRANT)
    await bystanders.expectAlive(signet)
  })

  it('narrows the scope of one answer, and refuses more without ending anything', async () => {
    const { family, current } = await superseded()
    const narrow = await refresh(signet, family.refresh_token, { ...AS_AGENT, form: { scope: 'read' } })
    expect(narrow.body).toMatchObject({ scope: 'read', refresh_token: current })
    const more = { ...AS_AGENT, form: { scope: 'read admin' } }
    expect(await refused(signet, family.refresh_token, more)).toEqual([400, 'invalid_scope'])
    expect((await present(current)).body).toMatchObject({ scope: 'read write' })
  })

  it('RFC 9449 §5 – answers the holder of the family’s key alone', async () => {
    const { family, current } = await superseded()
    const [own, foreign] = [await createDpopKey(), await createDpopKey()]
    await deployment.database.sql`update refresh_families set sender_key = ${own.jkt} where id = ${family.id}`
    const by = async (key: typeof own, token: string) =>
      refresh(signet, token, {
        ...AS_AGENT,
        headers: { dpop: await key.proof({ url: `${ISSUER}/token` }) },
      })
    expect((await by(foreign, family.refresh_token)).body.error).toBe('invalid_grant')
    expect(await refused(signet, family.refresh_token, AS_AGENT)).toEqual(INVALID_GRANT)
    const answer = await by(own, family.refresh_token)
    expect(answer.body).toMatchObject({ token_type: 'DPoP', refresh_token: current })
    expect((await by(own, current)).status).toBe(200)
  })

  it('answers with the current token also when it was made with another pepper', async () => {
    const fresh = createOtherPepperText(deployment.pepper)
    const renewed = await deployment.start({
      environment: { REFRESH_TOKEN_PEPPER: [fresh, deployment.pepper].join(',') },
    })
    const family = await seed()
    const first = await succeed(family.refresh_token)
    const current = await succeed(first, renewed)
    expect(current).toBe(family.tokenAt(2, { pepper: fresh }))
    for (const token of [family.refresh_token, first]) expect(await succeed(token, renewed)).toBe(current)
    // An instance that does not know the new pepper yet can neither answer nor end anything.
    expect(await refused(signet, first, AS_AGENT)).toEqual(INVALID_GRANT)
    await succeed(current, renewed)
  })

  it('does not revive a family that was revoked within it', async () => {
    const { family, current } = await superseded()
    await signet.post('/revoke', { token: current, client_id: 'agent' })
    for (const token of [family.refresh_token, current])
      expect(await refused(signet, token, AS_AGENT)).toEqual(INVALID_GRANT)
    expect((await rowOf(deployment, family.id)).revoke_reason).toBe('revoked')
  })

  it('is over when the registration no longer asks for it', async () => {
    const { family, current } = await superseded()
    const { family: bystander } = await superseded()
    try {
      deployment.register([...CLIENTS, { ...AGENT, refresh_grace_seconds: 0 }])
      await signet.reload()
      expect(await refused(signet, family.tokenAt(1), AS_AGENT)).toEqual(INVALID_GRANT)
      expect(await refused(signet, current, AS_AGENT)).toEqual(INVALID_GRANT)
    } finally {
      deployment.register([...CLIENTS, AGENT])
      await signet.reload()
    }
    await succeed(bystander.refresh_token)
  })

  it('tells operators of an answer at another address than the latest, and of no other', async () => {
    const { family } = await superseded()
    const from = async (token: string, ip: string) => {
      const form = { grant_type: 'refresh_token', refresh_token: token, client_id: 'agent' }
      const { status, headers } = await signet.token(form, { 'x-forwarded-for': ip }, '127.0.0.1')
      expect(status).toBe(200)
      return headers.get('x-request-id')
    }
    const told = () =>
      signet.lines.filter(({ event, sid }) => event === 'refresh_token_elsewhere' && sid === family.id)
    await from(family.tokenAt(2), '2001:db8:1:1::1')
    await from(family.tokenAt(2), '2001:db8:1:1::2')
    expect(told()).toEqual([])
    const request_id = await from(family.tokenAt(1), '192.0.2.7')
    expect(told()).toEqual([
      expect.objectContaining({
        request_id,
        ip: '192.0.2.7',
        sub: family.user_id,
        sid: family.id,
        client_id: 'agent',
      }),
    ])
    expect(await metricOf(signet, 'signet_refreshes_elsewhere_total')).toBe(1)
  })
})

const metricOf = async ({ internalApp }: Instance, name: string) => {
  if (internalApp === null) throw new Error('there is no internal listener')
  const text = await (await askApp(internalApp, '/metrics')).text()
  return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1])
}

/** A linear congruential generator, so that each run is the same: a number from 0 to `most`. */
const createRandom = (seed: number) => {
  let state = seed
  return (most: number): number => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return (state / 2 ** 32) * most
  }
}
