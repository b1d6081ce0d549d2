import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVICE_CODE_SECONDS, DEVICE_GRANT } from '../../src/domain/authorization/device-code.ts'
import { authorizationStores } from '../support/authorization/codes.ts'
import {
  ageDevice,
  agePoll,
  askForCodes,
  type Codes,
  decideOn,
  meetPerson,
  TV,
} from '../support/authorization/devices.ts'
import { createDpopKey } from '../support/authorization/dpop.ts'
import { API, CLIENTS, OTHER_API } from '../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../support/deployment.ts'
import { isActive, refresh } from '../support/refresh.ts'

const OTHER_TV = { ...TV, client_id: 'other-tv' }
const LISTED = { ...TV, client_id: 'listed-tv', status_list: true }
const OWN = { ...TV, client_id: 'own-tv', first_party: true }
const REGISTERED = [...CLIENTS, TV, OTHER_TV, LISTED, OWN]

describe.each(deployments)('RFC 8628 §3.4 – the device code grant on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  let other: Instance
  beforeAll(async () => {
    deployment = await open(REGISTERED)
    const environment = { RATE_LIMIT_USER_CODES: 'off', RATE_LIMIT_DEVICE_REQUESTS: 'off' }
    signet = await deployment.start({ environment })
    other = await deployment.start({ environment })
  })
  afterAll(() => deployment.close())

  type Form = Readonly<Record<string, string>>
  const poll = async (form: Form, at = signet) => {
    const { status, body } = await at.token(form)
    return [status, body.error]
  }
  const redeemed = async (form: Form, headers: Readonly<Record<string, string>> = {}, at = signet) => {
    const { status, body } = await at.token(form, headers)
    expect([status, body.error]).toEqual([200, undefined])
    return body
  }
  const allowed = async (more: Form = {}) => {
    const [codes, person] = [await askForCodes(signet, more), await meetPerson(signet)]
    expect((await decideOn(person, codes.user_code, 'allow')).text).toContain('Your device is signed in')
    return { ...codes, person }
  }
  const rowOf = async ({ user_code }: Pick<Codes, 'user_code'>) => {
    const [row] = await deployment.database.sql<{ interval_seconds: number; user_id: string | null }[]>`
      select interval_seconds, user_id from device_authorizations where user_code = ${user_code.replace('-', '')}`
    if (row === undefined) throw new Error('the row is gone')
    return row
  }

  it('answers with tokens of the person, once they have allowed it (§3.5)', async () => {
    const codes = await askForCodes(signet, { scope: 'openid email offline_access read' })
    expect(await poll(codes.form)).toEqual([400, 'authorization_pending'])
    const person = await meetPerson(signet)
    await decideOn(person, codes.user_code, 'allow')
    const body = await redeemed(codes.form, {}, other)
    expect(decodeJwt(body.access_token)).toMatchObject({
      iss: ISSUER,
      client_id: 'tv',
      aud: API,
      scope: 'openid email offline_access read',
      amr: ['pwd'],
    })
    expect(decodeJwt(String(body['id_token']))).toMatchObject({ aud: 'tv', email: person.email })
    expect(await isActive(signet, body.access_token)).toBe(true)
    const fresh = await refresh(signet, body.refresh_token, { client_id: 'tv' })
    expect(fresh.status).toBe(200)
    expect(await poll(codes.form)).toEqual([400, 'invalid_grant'])
    expect(await isActive(signet, body.access_token)).toBe(true)
  })

  it('binds the tokens and the family to the key that a proof proves (RFC 9449 §5)', async () => {
    const { form } = await allowed()
    const key = await createDpopKey()
    const dpop = () => key.proof({ url: `${signet.issuer}/token` })
    const body = await redeemed(form, { dpop: await dpop() })
    expect([body.token_type, decodeJwt(body.access_token)['cnf']]).toEqual(['DPoP', { jkt: key.jkt }])
    const again = { grant_type: 'refresh_token', refresh_token: body.refresh_token, client_id: 'tv' }
    expect(await poll(again)).toEqual([400, 'invalid_grant'])
    expect((await redeemed(again, { dpop: await dpop() })).token_type).toBe('DPoP')
  })

  it('keeps the audience that the device asked for, which nothing at the token endpoint widens (RFC 8707 §2.2)', async () => {
    const { form } = await allowed({ resource: OTHER_API, scope: 'read' })
    expect(await poll({ ...form, resource: API })).toEqual([400, 'invalid_target'])
    const body = await redeemed(form)
    expect(decodeJwt(body.access_token).aud).toBe(OTHER_API)
    expect(body).not.toHaveProperty('id_token')
  })

  it('answers a first-party client, and one whose tokens are in a status list', async () => {
    const own = await allowed({ client_id: 'own-tv' })
    expect(await isActive(signet, (await redeemed(own.form)).access_token)).toBe(true)
    const listed = await askForCodes(signet, { client_id: 'listed-tv' })
    expect(await poll(listed.form)).toEqual([400, 'authorization_pending'])
    await decideOn(own.person, listed.user_code, 'allow')
    expect(decodeJwt((await redeemed(listed.form)).access_token)).toHaveProperty('status')
  })

  it('makes the interval longer for good when a poll comes too early (§3.5)', async () => {
    const codes = await askForCodes(signet)
    expect(await poll(codes.form)).toEqual([400, 'authorization_pending'])
    expect(await poll(codes.form)).toEqual([400, 'slow_down'])
    expect(await rowOf(codes)).toMatchObject({ interval_seconds: 10 })
    await agePoll(deployment.database, 5)
    expect(await poll(codes.form, other)).toEqual([400, 'slow_down'])
    await agePoll(deployment.database, 15)
    expect(await poll(codes.form, other)).toEqual([400, 'authorization_pending'])
    expect(await rowOf(codes)).toMatchObject({ interval_seconds: 15 })
    await decideOn(await meetPerson(signet), codes.user_code, 'allow')
    await redeemed(codes.form)
  })

  it('refuses a code that the person denied, also after its expiry as such, and one that has expired', async () => {
    const [denied, late, bystander] = [await askForCodes(signet), await allowed(), await allowed()]
    await decideOn(late.person, denied.user_code, 'deny')
    expect(await poll(denied.form)).toEqual([400, 'access_denied'])
    await ageDevice(deployment.database, denied.user_code, DEVICE_CODE_SECONDS + 5)
    await ageDevice(deployment.database, late.user_code, DEVICE_CODE_SECONDS + 5)
    expect(await poll(denied.form)).toEqual([400, 'expired_token'])
    expect(await poll(late.form)).toEqual([400, 'expired_token'])
    await ageDevice(deployment.database, bystander.user_code, DEVICE_CODE_SECONDS - 30)
    await redeemed(bystander.form)
  })

  it('refuses what is no code, a code of another client, and a client without the grant', async () => {
    const { form } = await allowed()
    expect(await poll({ ...form, device_code: 'signet_dc_x' })).toEqual([400, 'invalid_grant'])
    const unknown = form['device_code']?.replace(/.{8}$/, 'AAAAAAAA') ?? ''
    expect(await poll({ ...form, device_code: unknown })).toEqual([400, 'invalid_grant'])
    expect(await poll({ ...form, client_id: 'other-tv' })).toEqual([400, 'invalid_grant'])
    expect(await poll({ ...form, client_id: 'app' })).toEqual([400, 'unauthorized_client'])
    expect(await poll({ grant_type: DEVICE_GRANT, client_id: 'tv' })).toEqual([400, 'invalid_request'])
    await redeemed(form)
  })

  it.each([
    ['disabled', 'update users set disabled_at = now() where id = $1'],
    ['given a new password', 'update users set credential_epoch = credential_epoch + 1 where id = $1'],
    ['deleted', 'delete from users where id = $1'],
    ['without the consent', 'update consents set version = version + 1 where user_id = $1'],
  ])('refuses a code whose account is %s by then', async (_, change) => {
    const [codes, bystander] = [await allowed(), await allowed()]
    const { user_id } = await rowOf(codes)
    await deployment.database.sql.unsafe(change, [user_id])
    expect(await poll(codes.form)).toEqual([400, 'invalid_grant'])
    await redeemed(bystander.form)
  })

  it('opens one family for polls at once at two instances', async () => {
    const { form } = await allowed({ scope: 'read' })
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? signet : other).token(form)),
    )
    const bought = answers.filter(({ status }) => status === 200)
    expect(bought).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => body.error))).toEqual(new Set([undefined, 'invalid_grant']))
    expect(await isActive(signet, bought[0]?.body.access_token ?? '')).toBe(true)
  })

  it('answers the same Idempotency-Key with the same refresh token, also at once, until it has been refreshed', async () => {
    const { form } = await allowed()
    const key = { 'idempotency-key': 'k-1' }
    const [one, two] = await Promise.all([redeemed(form, key), redeemed(form, key, other)])
    expect(one.refresh_token).toBe(two.refresh_token)
    expect((await signet.token(form, { 'idempotency-key': 'k-2' })).status).toBe(400)
    await refresh(signet, one.refresh_token, { client_id: 'tv' })
    expect((await signet.token(form, key)).body.error).toBe('invalid_grant')
  })

  it.each(['withdraws the consent', 'deletes the account'])(
    'leaves no living family when the person %s at the same time',
    async what => {
      const stores = authorizationStores(deployment.database)
      const bystander = await redeemed((await allowed()).form)
      const all = await Promise.all(Array.from({ length: 5 }, () => allowed()))
      const answers = await Promise.all(
        all.map(async codes => {
          const { user_id } = await rowOf(codes)
          const end = () =>
            what === 'withdraws the consent'
              ? stores.consents.withdraw({
                  user_id: user_id ?? '',
                  client_id: 'tv',
                  reason: 'consent_withdrawn',
                })
              : deployment.database.sql`delete from users where id = ${user_id}`
          const [answer] = await Promise.all([other.token(codes.form), end()])
          return answer
        }),
      )
      for (const { status, body } of answers) {
        if (status === 200) expect(await isActive(signet, body.access_token)).toBe(false)
        else expect(body.error).toBe('invalid_grant')
      }
      expect(await isActive(signet, bystander.access_token)).toBe(true)
    },
  )

  it('lets one of two decisions count, at two instances', async () => {
    const codes = await askForCodes(signet)
    const [one, two] = [await meetPerson(signet), await meetPerson(other)]
    const pages = await Promise.all([
      decideOn(one, codes.user_code, 'allow'),
      decideOn(two, codes.user_code, 'allow'),
    ])
    const counted = pages.filter(({ text }) => text.includes('Your device is signed in'))
    expect(counted).toHaveLength(1)
    const body = await redeemed(codes.form)
    expect(decodeJwt(body.access_token).sub).toBe((await rowOf(codes)).user_id)
  })
})
