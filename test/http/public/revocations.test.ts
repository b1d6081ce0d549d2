import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn, signUp } from '../../support/accounts/account-api.ts'
import { type Answer } from '../../support/answer.ts'
import { newEmail } from '../../support/ask.ts'
import { basic, SECRETS } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'
import { refresh } from '../../support/refresh.ts'

type Payload = Readonly<{
  iss: string
  since: string | null
  cursor: string
  ids: Readonly<Record<string, string>>
}>

const partOf = (jws: string, part: number): unknown =>
  JSON.parse(Buffer.from(jws.split('.')[part] ?? '', 'base64url').toString())
const payloadOf = ({ text }: Answer) => partOf(text, 1) as Payload
const idsOf = (answer: Answer) =>
  Object.values(payloadOf(answer).ids).flatMap(
    ids => Buffer.from(ids, 'base64url').toString('hex').match(/.{32}/g) ?? [],
  )
const idsOfToken = (token: string) => partOf(token, 1) as Readonly<{ jti: string; sid: string }>
const bare = (uuid: string) => uuid.replaceAll('-', '')

describe.each(deployments)('GET /revocations, on $name', ({ open }) => {
  let deployment: Deployment
  let instance: Instance
  beforeAll(async () => {
    deployment = await open()
    instance = await deployment.start()
  })
  afterAll(() => deployment.close())

  const read = (query = '', headers: Record<string, string> = {}) =>
    instance.fetch(`/revocations${query}`, { headers })
  const register = async () => {
    const email = newEmail()
    // The account API, which signs out, needs a token for the issuer.
    const more = { client_id: 'app', resource: ISSUER }
    const tokens = await signUp(instance, email, more)
    return { tokens, login: () => signIn(instance, email, more) }
  }

  /** The ids of the feed's entries that an action has caused. */
  const heardOf = async (work: () => Promise<unknown>) => {
    const { cursor } = payloadOf(await read())
    await work()
    return idsOf(await read(`?cursor=${cursor}&wait=10`))
  }

  it('is a JWS with a type of its own, readable by every origin', async () => {
    const answer = await read()
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/jwt')
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(partOf(answer.text, 0)).toMatchObject({ alg: 'RS256', typ: 'revocations+jwt' })
    expect(payloadOf(answer)).toMatchObject({ iss: ISSUER, since: null })
  })

  it('may be cached for two seconds as a whole, for a minute as a step, and not at all without entries', async () => {
    const everything = await read()
    expect(everything.headers.get('cache-control')).toBe('public, max-age=2')
    const etag = everything.headers.get('etag') ?? ''
    expect((await read('', { 'if-none-match': `W/${etag}` })).status).toBe(304)
    expect((await read('', { 'if-none-match': '"other"' })).status).toBe(200)
    const query = `?cursor=${payloadOf(everything).cursor}`
    expect((await read(query)).headers.get('cache-control')).toBe('no-store')
    const { tokens } = await register()
    await instance.post('/revoke', { token: tokens.access_token, client_id: 'app' })
    expect((await read(`${query}&wait=10`)).headers.get('cache-control')).toBe('public, max-age=60')
  })

  it('has the jti of a revoked access token, and not its sid', async () => {
    const { tokens } = await register()
    const { jti } = idsOfToken(tokens.access_token)
    const heard = await heardOf(() =>
      instance.post('/revoke', { token: tokens.access_token, client_id: 'app' }),
    )
    expect(heard).toEqual([bare(jti)])
  })

  it.each([
    [
      'its refresh token is revoked',
      (token: string) => instance.post('/revoke', { token, client_id: 'app' }),
    ],
    [
      'the person signs out',
      (refresh_token: string) => instance.ask('/auth/logout', { body: { refresh_token } }),
    ],
    [
      'a spent refresh token comes back',
      async (token: string) => {
        expect((await refresh(instance, token)).status).toBe(200)
        expect((await refresh(instance, token)).status).toBe(400)
      },
    ],
  ])('has the sid of one sign-in when %s', async (_, end) => {
    const { tokens, login } = await register()
    await login()
    const { sid } = idsOfToken(tokens.access_token)
    expect(await heardOf(() => end(tokens.refresh_token))).toEqual([bare(sid)])
  })

  it('has the sid of every sign-in after a sign-out everywhere', async () => {
    const { tokens, login } = await register()
    const sids = [tokens, await login()].map(({ access_token }) => bare(idsOfToken(access_token).sid))
    const asking = { body: { everywhere: true }, token: tokens.access_token }
    const heard = await heardOf(() => instance.ask('/auth/logout', asking))
    expect(heard.toSorted()).toEqual(sids.toSorted())
  })

  it('has no entry for a request that ended nothing', async () => {
    const { tokens } = await register()
    const { cursor } = payloadOf(await read())
    // A token of another client, and garbage.
    await instance.post('/revoke', { token: tokens.access_token }, basic('service', SECRETS.service))
    await instance.post('/revoke', { token: 'signet_rt_garbage', client_id: 'app' })
    await refresh(instance, 'signet_rt_garbage')
    expect(idsOf(await read(`?cursor=${cursor}&wait=1`))).toEqual([])
  })

  it.each(['nonsense', '', 'zz.1.', `zz.1.${'1-'.repeat(3000)}1`])(
    'answers 410 to a malformed cursor: %#',
    async cursor => {
      const { status, body, headers } = await read(`?cursor=${cursor}`)
      expect([status, body['code'], headers.get('cache-control')]).toEqual([410, 'CURSOR_GONE', 'no-store'])
    },
  )
})
