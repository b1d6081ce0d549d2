import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { claimsOf, signUp, type Tokens } from '../../support/accounts/account-api.ts'
import { codesOf } from '../../support/accounts/factors.ts'
import { newEmail } from '../../support/ask.ts'
import { createDpopKey, type DpopKey } from '../../support/authorization/dpop.ts'
import { issueCode, WEB } from '../../support/authorization/exchange.ts'
import { CLIENTS, INTROSPECTOR } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'

const FIRST = {
  client_id: 'first',
  token_endpoint_auth_method: 'none',
  first_party: true,
  grant_types: ['refresh_token'],
  scope: 'openid account',
}

let deployment: Deployment
let signet: Instance
let key: DpopKey
let stranger: DpopKey
beforeAll(async () => {
  deployment = await openDeployment([...CLIENTS, WEB, FIRST])
  signet = await deployment.start()
  key = await createDpopKey()
  stranger = await createDpopKey()
})
afterAll(() => deployment.close())

type More = Partial<Parameters<DpopKey['proof']>[0]> & Readonly<{ by?: DpopKey }>

const proofFor = (path: string, { by = key, ...more }: More = {}) =>
  by.proof({ url: `${signet.issuer}${path}`, method: 'GET', ...more })

/** Presents a token with a proof of the key. */
const presented = async (path: string, token: string, more: More = {}) => ({
  authorization: `DPoP ${token}`,
  dpop: await proofFor(path, { token, ...more }),
})
const show = async (path: string, headers: Readonly<Record<string, string>>) => {
  const { status, body, headers: told } = await signet.fetch(path, { headers })
  const [scheme, error] = [/^\w+/, /error="(\w+)"/].map(part => part.exec(told.get('www-authenticate') ?? ''))
  return [status, body['code'] ?? body.error ?? 'ok', scheme?.[0] ?? null, error?.[1] ?? null]
}

describe('RFC 9449 §7 – /userinfo', () => {
  const bought = async () => {
    const { form } = await issueCode(deployment)
    const answer = await signet.token(form, { dpop: await proofFor('/token', { method: 'POST' }) })
    return answer.body.access_token
  }
  const OK = [200, 'ok', null, null]

  it('takes a bound token with a proof, by GET and by POST', async () => {
    const token = await bought()
    expect(await show('/userinfo', await presented('/userinfo', token))).toEqual(OK)
    const post = await presented('/userinfo', token, { method: 'POST' })
    expect((await signet.fetch('/userinfo', { method: 'POST', headers: post })).status).toBe(200)
  })

  it('refuses a bound token as a bearer token, in the header and in the form (§7.2)', async () => {
    const token = await bought()
    const bearer = { authorization: `Bearer ${token}` }
    expect(await show('/userinfo', bearer)).toEqual([401, 'invalid_token', 'DPoP', 'invalid_token'])
    const proof = { dpop: await proofFor('/userinfo', { token }) }
    expect(await show('/userinfo', { ...bearer, ...proof })).toEqual([
      401,
      'invalid_token',
      'DPoP',
      'invalid_token',
    ])
    const form = await signet.post('/userinfo', { access_token: token })
    expect([form.status, form.body.error]).toEqual([401, 'invalid_token'])
    expect(await show('/userinfo', await presented('/userinfo', token))).toEqual(OK)
  })

  it('refuses a bearer token that comes with a proof, as if it were bound', async () => {
    const { form } = await issueCode(deployment)
    const token = (await signet.token(form)).body.access_token
    const outcome = await show('/userinfo', await presented('/userinfo', token))
    expect(outcome).toEqual([401, 'invalid_token', 'DPoP', 'invalid_token'])
    expect(await show('/userinfo', { authorization: `Bearer ${token}` })).toEqual(OK)
  })

  it.each<readonly [string, More]>([
    ['without ath', { claims: { ath: undefined } }],
    ['for another token', { token: 'another' }],
    ['for another method', { method: 'POST' }],
    ['for another endpoint', { url: 'http://localhost:8080/token' }],
    ['that is old', { after: -70 }],
  ])('refuses a proof %s', async (_, more) => {
    const token = await bought()
    const headers = { authorization: `DPoP ${token}`, dpop: await proofFor('/userinfo', { token, ...more }) }
    expect(await show('/userinfo', headers)).toEqual([
      401,
      'invalid_dpop_proof',
      'DPoP',
      'invalid_dpop_proof',
    ])
  })

  it('refuses a token without a proof, with one of another key, and a proof that was shown', async () => {
    const token = await bought()
    const [refused, foreign] = [
      [401, 'invalid_dpop_proof', 'DPoP', 'invalid_dpop_proof'],
      [401, 'invalid_token', 'DPoP', 'invalid_token'],
    ]
    expect(await show('/userinfo', { authorization: `DPoP ${token}` })).toEqual(refused)
    expect(await show('/userinfo', await presented('/userinfo', token, { by: stranger }))).toEqual(foreign)
    const headers = await presented('/userinfo', token)
    expect(await show('/userinfo', headers)).toEqual(OK)
    expect(await show('/userinfo', headers)).toEqual(refused)
  })

  it('names both schemes where no token is shown', async () => {
    const { headers } = await signet.fetch('/userinfo')
    expect(headers.get('www-authenticate')).toBe(
      'Bearer realm="signet", DPoP algs="ES256 EdDSA Ed25519 RS256 PS256"',
    )
  })

  it('asks for a nonce with DPOP_NONCE=on', async () => {
    const token = await bought()
    const strict = await deployment.start({ environment: { DPOP_NONCE: 'on' } })
    const asked = await strict.fetch('/userinfo', { headers: await presented('/userinfo', token) })
    expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('DPoP realm="signet", error="use_dpop_nonce"'),
    ])
    const nonce = asked.headers.get('dpop-nonce') ?? ''
    const headers = await presented('/userinfo', token, { nonce })
    expect((await strict.fetch('/userinfo', { headers })).status).toBe(200)
  })

  it('is told by introspection what a token is bound to (§6.2)', async () => {
    const token = await bought()
    const { body } = await signet.post('/introspect', { token }, INTROSPECTOR)
    expect(body).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: key.jkt } })
  })
})

describe('RFC 9449 §7 – the account API', () => {
  const refreshed = async (path: string, refresh_token: string, by: DpopKey | null = key) => {
    const dpop = by === null ? {} : { dpop: await proofFor(path, { method: 'POST', by }) }
    return path === '/token'
      ? signet.token({ grant_type: 'refresh_token', client_id: 'first', refresh_token }, dpop)
      : signet.ask(path, { method: 'POST', body: { refresh_token }, headers: dpop })
  }
  /** A first-party sign-in that goes on with a proof: its family is bound, as one of the code grant would be. */
  const boundSignIn = async () => {
    const tokens = await signUp(signet, newEmail(), { client_id: 'first' })
    const { sid } = claimsOf(tokens.access_token)
    await deployment.database
      .sql`update refresh_families set sender_key = ${key.jkt} where id = ${String(sid)}`
    const { body } = await refreshed('/auth/refresh', tokens.refresh_token)
    return body as unknown as Tokens
  }

  it('takes a bound token with a proof alone', async () => {
    const { access_token, token_type } = (await boundSignIn()) as Tokens & { token_type: string }
    expect(token_type).toBe('DPoP')
    expect(await show('/auth/me', await presented('/auth/me', access_token))).toEqual([200, 'ok', null, null])
    const bearer = await show('/auth/me', { authorization: `Bearer ${access_token}` })
    expect(bearer).toEqual([401, 'AUTH_TOKEN_INVALID', 'DPoP', 'invalid_token'])
    const foreign = await show('/auth/me', await presented('/auth/me', access_token, { by: stranger }))
    expect(foreign).toEqual([401, 'AUTH_TOKEN_INVALID', 'DPoP', 'invalid_token'])
    const elsewhere = await presented('/auth/sessions', access_token)
    expect(await show('/auth/me', elsewhere)).toEqual([
      401,
      'AUTH_PROOF_INVALID',
      'DPoP',
      'invalid_dpop_proof',
    ])
  })

  it('refreshes a bound family with its key alone, and ends nothing otherwise', async () => {
    const { refresh_token } = await boundSignIn()
    for (const path of ['/token', '/auth/refresh'])
      for (const by of [null, stranger])
        expect((await refreshed(path, refresh_token, by)).status).toBe(path === '/token' ? 400 : 401)
    expect((await refreshed('/auth/refresh', refresh_token)).body.token_type).toBe('DPoP')
  })

  it('tells what is wrong with a proof at /auth/refresh', async () => {
    const { refresh_token } = await boundSignIn()
    const headers = { dpop: await proofFor('/token', { method: 'POST' }) }
    const { status, body } = await signet.ask('/auth/refresh', {
      method: 'POST',
      body: { refresh_token },
      headers,
    })
    expect([status, body.code]).toEqual([401, 'AUTH_PROOF_INVALID'])
    expect((await refreshed('/auth/refresh', refresh_token)).status).toBe(200)
  })

  it('keeps the key in a step-up, and takes the bound refresh token as the proof of its own sign-in', async () => {
    const { access_token, refresh_token } = await boundSignIn()
    const asked = async (path: string, body: object) => {
      const headers = await presented(path, access_token, { method: 'POST' })
      return (await signet.ask(path, { method: 'POST', body, headers })).body
    }
    const { handle, secret } = await asked('/auth/factors/totp', { refresh_token })
    const code = codesOf(secret, createClock())
    await asked('/auth/factors/totp/confirm', { handle, totp: code() })
    const stepped = await asked('/auth/step-up', { totp: code(1) })
    expect([stepped.token_type, claimsOf(stepped.access_token)['cnf']]).toEqual(['DPoP', { jkt: key.jkt }])
    expect((await refreshed('/auth/refresh', stepped.refresh_token, null)).status).toBe(401)
    expect((await refreshed('/auth/refresh', stepped.refresh_token)).status).toBe(200)
  })

  it('signs out by a bound token', async () => {
    const { access_token } = await boundSignIn()
    const headers = await presented('/auth/logout', access_token, { method: 'POST' })
    expect((await signet.ask('/auth/logout', { method: 'POST', headers })).status).toBe(204)
    expect((await show('/auth/me', await presented('/auth/me', access_token)))[0]).toBe(401)
  })
})
