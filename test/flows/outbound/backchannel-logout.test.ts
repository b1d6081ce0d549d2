import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { waitingFor } from '../../support/authorization/deliveries.ts'
import { API } from '../../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import { LIFETIMES } from '../../support/families.ts'
import { type CookieBrowser, createCookieBrowser } from '../../support/pages/cookie-browser.ts'
import { openReceiver, type Received, type Receiver } from '../../support/services/receiver.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const ALLOWED = { OUTBOUND_ALLOW: '127.0.0.1' }

const clientOf = (client_id: string, more: Readonly<Record<string, unknown>> = {}) => ({
  client_id,
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [`https://${client_id}.example/cb`],
  post_logout_redirect_uris: [`https://${client_id}.example/bye`],
  scope: 'openid email offline_access',
  audience: [API],
  ...more,
})

describe('OpenID Connect Back-Channel Logout', () => {
  let receiver: Receiver
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    receiver = await openReceiver()
    const told = (client_id: string, more: Readonly<Record<string, unknown>> = {}) =>
      clientOf(client_id, { backchannel_logout_uri: receiver.url(client_id), ...more })
    deployment = await openDeployment([
      told('shop'),
      told('away'),
      told('strict', { backchannel_logout_session_required: true }),
      told('slow'),
      clientOf('untold'),
    ])
    signet = await deployment.start({ environment: ALLOWED })
  })
  afterAll(async () => {
    await deployment.close()
    await receiver.close()
  })

  let people = 0
  const person = async (...client_ids: readonly string[]) => {
    const browser = createCookieBrowser(signet)
    const email = `leaver-${++people}@people.example`
    expect((await browser.signUp(email)).headers.get('location')).toBe('/account')
    const sign_ins = new Map<
      string,
      Readonly<{ id_token: string; sub: string; sid: unknown; refresh_token: string }>
    >()
    for (const client_id of client_ids) {
      const scope = client_id === 'away' ? 'openid offline_access' : 'openid'
      const { id_token, refresh_token } = await browser.authorize(signet, client_id, scope)
      if (typeof id_token !== 'string') throw new Error('no ID token')
      const { sub = '', sid } = decodeJwt(id_token)
      sign_ins.set(client_id, { id_token, sub, sid, refresh_token })
    }
    const at = (client_id: string) => {
      const found = sign_ins.get(client_id)
      if (found === undefined) throw new Error(`not signed in at ${client_id}`)
      return found
    }
    return { browser, email, at }
  }
  const signOut = async (browser: CookieBrowser, client_id: string, id_token: string) => {
    const bye = `https://${client_id}.example/bye`
    const asked = new URLSearchParams({ id_token_hint: id_token, post_logout_redirect_uri: bye })
    const { status, headers } = await browser.open(`/logout?${asked.toString()}`)
    expect([status, headers.get('location')]).toEqual([303, bye])
  }
  const verified = async ({ client_id, logout_token }: Received) => {
    const jwks = (await signet.fetch('/.well-known/jwks.json')).body
    const keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet)
    const { payload } = await jwtVerify(logout_token, keys, {
      issuer: ISSUER,
      audience: client_id,
      algorithms: ['RS256'],
      typ: 'logout+jwt',
      requiredClaims: ['iat', 'exp', 'jti', 'events', 'sub'],
    })
    return payload
  }
  const nothingWaits = (client_id: string) =>
    expect.poll(() => waitingFor(deployment.database, client_id), { timeout: 10_000 }).toEqual([])

  it('§2.4, §2.5 tells each client of the end of its sign-in, by the sid of the ID token', async () => {
    const { browser, at } = await person('shop', 'away', 'untold')
    const bystander = await person('shop')
    await signOut(browser, 'shop', at('shop').id_token)
    const [received] = await receiver.waitFor('shop', 1)
    expect(received).toMatchObject({ method: 'POST', content_type: 'application/x-www-form-urlencoded' })
    const claims = await verified(received as Received)
    expect(claims).toEqual({
      iss: ISSUER,
      aud: 'shop',
      iat: expect.any(Number),
      exp: Number(claims.iat) + 120,
      jti: expect.any(String),
      events: { [EVENT]: {} },
      sub: at('shop').sub,
      sid: at('shop').sid,
    })
    // §2.7: the sign-in with offline_access goes on, and its client is told all the same.
    const [other] = await receiver.waitFor('away', 1)
    expect(await verified(other as Received)).toMatchObject({ aud: 'away', sid: at('away').sid })
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: at('away').refresh_token,
      client_id: 'away',
    }
    expect((await signet.token(refresh)).status).toBe(200)
    expect((await signet.token(refresh)).status).toBe(400)
    const [, again] = await receiver.waitFor('away', 2)
    expect(await verified(again as Received)).toMatchObject({ aud: 'away', sid: at('away').sid })
    await nothingWaits('shop')
    expect([receiver.at('shop').length, receiver.at('untold').length]).toEqual([1, 0])
    expect((await bystander.browser.open('/sign-in')).status).toBe(303)
  })

  it('§2.5 is at the discovery', async () => {
    const { body } = await signet.fetch('/.well-known/openid-configuration')
    expect(body).toMatchObject({
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    })
  })

  it('§2.2 tells a client once where everything of a person ends, and one that needs a sid of each sign-in', async () => {
    const { email, at } = await person('shop', 'strict')
    const bystander = await person('shop', 'strict')
    const browser = createCookieBrowser(signet)
    await browser.signIn(email)
    const again = await browser.authorize(signet, 'strict', 'openid')
    const before = receiver.at('shop').length
    const accounts = createAccounts(deployment.database, LIFETIMES)
    await accounts.endEverySignIn(at('shop').sub, 'signed_out_everywhere')
    const told = (await receiver.waitFor('shop', before + 1)).slice(before)
    const claims = await Promise.all(told.map(verified))
    expect(claims.map(({ sub, sid }) => [sub, sid])).toEqual([[at('shop').sub, undefined]])
    const each = await Promise.all((await receiver.waitFor('strict', 2)).map(verified))
    expect(each.map(({ sub }) => sub)).toEqual([at('shop').sub, at('shop').sub])
    const { sid } = decodeJwt(String(again['id_token']))
    expect(new Set(each.map(claim => claim['sid']))).toEqual(new Set([at('strict').sid, sid]))
    expect((await bystander.browser.open('/sign-in')).status).toBe(303)
  })

  it('§2.5 holds up no one while a client hangs: neither the person, nor the other clients', async () => {
    const { browser, at } = await person('slow', 'shop')
    receiver.answerNext('slow', 'hang')
    const before = receiver.at('shop').length
    await signOut(browser, 'slow', at('slow').id_token)
    expect((await browser.open('/sign-in')).status).toBe(200)
    await receiver.waitFor('slow', 1)
    await receiver.waitFor('shop', before + 1)
    await nothingWaits('shop')
    expect(await waitingFor(deployment.database, 'slow')).toMatchObject([{ attempts: 1, is_due: false }])
    receiver.release()
    await nothingWaits('slow')
  })
})
