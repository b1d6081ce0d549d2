import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { decodeJwt, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JWT_BEARER_GRANT } from '../../src/domain/exchange/issuer-assertion.ts'
import { createAccount, giveExternalId } from '../support/accounts/account-lines.ts'
import { createDpopKey } from '../support/authorization/dpop.ts'
import { createIdentityProvider, writeIssuers } from '../support/authorization/issuers.ts'
import { API, basic, CLIENTS, OTHER_API, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../support/deployment.ts'
import { createUser, seedFamily } from '../support/families.ts'
import { METADATA } from '../support/issuer.ts'
import { isActive, refresh } from '../support/refresh.ts'
import { openDocumentHost } from '../support/services/document-host.ts'

const AGENT = {
  client_id: 'agent',
  client_secret: SECRETS.service,
  grant_types: [JWT_BEARER_GRANT],
  scope: 'read write more',
  audience: [API, OTHER_API],
}
const OTHER_AGENT = { ...AGENT, client_id: 'other-agent' }
const AS_AGENT = basic('agent', SECRETS.service)

type Form = Readonly<Record<string, string>>
type Provider = Awaited<ReturnType<typeof createIdentityProvider>>

describe('identity providers of ASSERTION_ISSUERS_FILE', () => {
  let deployment: Deployment
  let signet: Instance
  let other: Instance
  let host: Awaited<ReturnType<typeof openDocumentHost>>
  let file: string
  let corp: Provider
  let rival: Provider
  let mail: Provider
  let quiet: Provider
  const publish = (keys: readonly object[], status = 200) =>
    host.answer('/jwks', response => void response.writeHead(status).end(JSON.stringify({ keys })))
  beforeAll(async () => {
    host = await openDocumentHost()
    corp = await createIdentityProvider('https://corp.example')
    rival = await createIdentityProvider('https://rival.example', { alg: 'RS256' })
    mail = await createIdentityProvider('https://mail.example', { alg: 'EdDSA' })
    quiet = await createIdentityProvider('https://quiet.example')
    const listed = { clients: ['agent'], scope: 'read write', global_token_revocation: true }
    const byId = (prefix: string) => ({ by: 'external_id', prefix })
    file = writeIssuers([
      { ...listed, issuer: corp.issuer, jwks_uri: host.urlOf('/jwks'), subject: byId('corp|') },
      { ...listed, issuer: rival.issuer, jwks: rival.jwks, subject: byId('rival|') },
      {
        ...listed,
        issuer: mail.issuer,
        jwks: mail.jwks,
        subject: { by: 'email', domains: ['mail.example'] },
      },
      { issuer: quiet.issuer, jwks: quiet.jwks, subject: byId('quiet|') },
    ])
    publish([corp.jwk])
    deployment = await openDeployment([...CLIENTS, AGENT, OTHER_AGENT])
    signet = await start()
    other = await start()
  })
  afterAll(async () => {
    await deployment.close()
    await host.close()
    rmSync(dirname(file), { recursive: true })
  })

  const start = (more: Partial<Parameters<Deployment['start']>[0]> = {}) =>
    deployment.start({
      environment: { ASSERTION_ISSUERS_FILE: file, OUTBOUND_ALLOW: '127.0.0.1/32' },
      authorities: host.certificate,
      ...more,
    })
  let people = 0
  /** An account, and the `sub` that its provider has for it. */
  const person = async (prefix = 'corp|') => {
    const id = await createUser(deployment)
    const sub = `person-${(people += 1)}`
    await giveExternalId(deployment.database, id, prefix + sub)
    return { id, sub }
  }
  const ask = (assertion: string, form: Form = {}, headers: Form = AS_AGENT, at = signet) =>
    at.token({ grant_type: JWT_BEARER_GRANT, assertion, ...form }, headers)
  const outcome = async (assertion: string, form: Form = {}, headers: Form = AS_AGENT, at = signet) => {
    const { status, body } = await ask(assertion, form, headers, at)
    return body.error === undefined ? [status] : [status, body.error]
  }
  const granted = async (assertion: string, form: Form = {}, headers: Form = AS_AGENT) => {
    const { status, body } = await ask(assertion, form, headers)
    expect([status, body.error]).toEqual([200, undefined])
    return body
  }
  const REFUSED = [400, 'invalid_grant']

  describe('RFC 7523 §2.1 – the jwt-bearer grant with ID-JAG', () => {
    it('is in the metadata, with its profile where issuers are listed', async () => {
      const { body } = await signet.fetch(METADATA)
      expect(body['grant_types_supported']).toContain(JWT_BEARER_GRANT)
      expect(body['authorization_grant_profiles_supported']).toEqual([
        'urn:ietf:params:oauth:grant-profile:id-jag',
      ])
    })

    it('gives an access token of a sign-in that is seen, ends with its token, and is not refreshed', async () => {
      const { id, sub } = await person()
      const body = await granted(await corp.assertion({ sub }))
      expect(body).not.toHaveProperty('refresh_token')
      const claims = decodeJwt(body.access_token)
      expect(claims).toMatchObject({ sub: id, client_id: 'agent', aud: API, scope: 'read write' })
      const [row] = await deployment.database.sql<{ seconds: number; user_id: string }[]>`
        select extract(epoch from expires_at - now())::int as seconds, user_id
        from refresh_families where id = ${String(claims['sid'])}`
      expect(row?.user_id).toBe(id)
      expect(Math.abs((row?.seconds ?? 0) - 900)).toBeLessThan(60)
      expect(await isActive(signet, body.access_token)).toBe(true)
      await deployment.database.sql`update refresh_families set revoked_at = now() where user_id = ${id}`
      expect(await isActive(other, body.access_token)).toBe(false)
    })

    it.each([
      ['the whole of it', {}, {}, ['read write', API]],
      [
        'the asserted scope, as far as client and issuer go',
        { scope: 'read more openid' },
        {},
        ['read', API],
      ],
      ['the requested part', {}, { scope: 'write' }, ['write', API]],
      ['the asserted resource', { resource: OTHER_API }, {}, ['read write', OTHER_API]],
      [
        'one of the asserted resources',
        { resource: [API, OTHER_API] },
        { resource: OTHER_API },
        ['read write', OTHER_API],
      ],
    ])('gives %s', async (_, claims, form, expected) => {
      const { sub } = await person()
      const token = decodeJwt((await granted(await corp.assertion({ sub, ...claims }), form)).access_token)
      expect([token['scope'], token.aud]).toEqual(expected)
    })

    it.each([
      ['a scope beyond the assertion', { scope: 'read' }, { scope: 'write' }, 'invalid_scope'],
      ['a scope beyond the issuer', { scope: 'more' }, {}, 'invalid_scope'],
      ['a requested scope beyond the issuer', {}, { scope: 'more' }, 'invalid_scope'],
      ['a resource beyond the assertion', { resource: API }, { resource: OTHER_API }, 'invalid_target'],
      ['an asserted resource beyond the client', { resource: 'https://c.example' }, {}, 'invalid_target'],
      ['a malformed resource claim', { resource: { a: 1 } }, {}, 'invalid_grant'],
      ['a malformed scope claim', { scope: ['read'] }, {}, 'invalid_grant'],
    ])('refuses %s, and the assertion stays good', async (_, claims, form, error) => {
      const { sub } = await person()
      expect(await outcome(await corp.assertion({ sub, ...claims }), form)).toEqual([400, error])
      await granted(await corp.assertion({ sub }))
    })

    const now = () => Math.floor(Date.now() / 1000)
    it.each<[string, () => object, object?]>([
      ['for the token endpoint', () => ({ aud: `${ISSUER}/token` })],
      ['for this server and another', () => ({ aud: [ISSUER, 'https://b.example'] })],
      ['for the issuer with a slash', () => ({ aud: `${ISSUER}/` })],
      ['without an audience', () => ({ aud: undefined })],
      ['of the issuer with a slash', () => ({ iss: 'https://corp.example/' })],
      ['of a prefix of the issuer', () => ({ iss: 'https://corp.exampl' })],
      ['of the issuer in capitals', () => ({ iss: 'https://CORP.example' })],
      ['of another listed issuer', () => ({ iss: 'https://rival.example' })],
      ['of this server', () => ({ iss: ISSUER })],
      ['of an issuer that lists no client', () => ({ iss: 'https://quiet.example' })],
      ['for another client', () => ({ client_id: 'other-agent' })],
      ['without a client', () => ({ client_id: undefined })],
      ['without a jti', () => ({ jti: undefined })],
      ['with an empty jti', () => ({ jti: '' })],
      ['with a long jti', () => ({ jti: 'j'.repeat(256) })],
      ['without a sub', () => ({ sub: undefined })],
      ['without an iat', () => ({ iat: undefined })],
      ['without an expiry', () => ({ exp: undefined })],
      ['that is expired', () => ({ iat: now() - 400, exp: now() - 100 })],
      ['of the future', () => ({ iat: now() + 100 })],
      ['that lives too long', () => ({ exp: now() + 601 })],
      ['of a person without an account', () => ({ sub: 'unknown' })],
      ['of the type of a JWT', () => ({}), { typ: 'JWT' }],
      ['without a type', () => ({}), { typ: undefined }],
      ['of the type of an access token', () => ({}), { typ: 'at+jwt' }],
      ['of the type of a revocation', () => ({}), { typ: 'global-token-revocation+jwt' }],
      ['with a critical member', () => ({}), { crit: ['x'], x: 1 }],
    ])('refuses an assertion %s', async (_, claims, header = {}) => {
      const { sub } = await person()
      const refused = await corp.assertion({ sub, ...claims() }, { ...header }).catch(() => 'x.y.z')
      expect(await outcome(refused)).toEqual(REFUSED)
      expect(await outcome(await corp.assertion({ sub }))).toEqual([200])
    })

    it('takes an assertion once, over two instances at the same time', async () => {
      const { sub } = await person()
      const assertion = await corp.assertion({ sub })
      const answers = await Promise.all([
        outcome(assertion),
        outcome(assertion, {}, AS_AGENT, other),
        outcome(assertion),
      ])
      expect(answers.toSorted((a, b) => a.length - b.length)).toEqual([[200], REFUSED, REFUSED])
      // The same jti of another issuer is another assertion.
      const twin = await person('rival|')
      const { jti } = decodeJwt(assertion)
      expect(await outcome(await rival.assertion({ sub: twin.sub, jti }))).toEqual([200])
    })

    it('looks at no key in the assertion, at no address, and at no symmetric signature', async () => {
      const { sub } = await person()
      const thief = await createIdentityProvider(corp.issuer)
      const url = host.urlOf('/thief')
      for (const header of [
        {},
        { jwk: thief.jwk },
        { jku: url },
        { x5u: url },
        { kid: 'other', jku: url },
        { kid: '../one' },
      ])
        expect(await outcome(await thief.assertion({ sub }, header))).toEqual(REFUSED)
      expect(host.countOf('/thief')).toBe(0)
      const claims = decodeJwt(await rival.assertion({ sub: (await person('rival|')).sub }))
      const secret = Buffer.from(JSON.stringify(rival.jwk))
      const confused = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid: 'one', typ: 'oauth-id-jag+jwt' })
        .sign(secret)
      const header = Buffer.from('{"alg":"none","typ":"oauth-id-jag+jwt"}').toString('base64url')
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
      for (const forged of [confused, `${header}.${payload}.`, 'x', 'x.y.z'])
        expect(await outcome(forged)).toEqual(REFUSED)
    })

    it('never finds the people of another issuer', async () => {
      const ofRival = await person('rival|')
      for (const sub of [ofRival.sub, `rival|${ofRival.sub}`, ofRival.id, `../rival|${ofRival.sub}`])
        expect(await outcome(await corp.assertion({ sub }))).toEqual(REFUSED)
      const { body } = await ask(await rival.assertion({ sub: ofRival.sub }))
      expect(decodeJwt(body.access_token).sub).toBe(ofRival.id)
    })

    it('finds by e-mail where the file says so: of its domains alone, and verified here', async () => {
      const named = async (email: string, isVerified: boolean) => {
        const { id } = await createAccount(deployment.database, { email, email_verified: isVerified })
        return id
      }
      const id = await named('grace@mail.example', true)
      await named('unproved@mail.example', false)
      await named('grace@elsewhere.example', true)
      const of = async (claims: object) => outcome(await mail.assertion({ ...claims }))
      const { body } = await ask(await mail.assertion({ email: 'Grace@MAIL.example' }))
      expect(decodeJwt(body.access_token).sub).toBe(id)
      for (const email_verified of [false, 'false', 0, null, []])
        expect(await of({ email: 'grace@mail.example', email_verified })).toEqual(REFUSED)
      for (const email_verified of [true, 'true'])
        expect(
          (await ask(await mail.assertion({ email: 'grace@mail.example', email_verified }))).status,
        ).toBe(200)
      expect(await of({ email: 'unproved@mail.example' })).toEqual(REFUSED)
      expect(await of({ email: 'grace@elsewhere.example' })).toEqual(REFUSED)
      expect(await of({ email: 'grace@mail.example@elsewhere.example' })).toEqual(REFUSED)
      expect(await of({ sub: 'grace@mail.example' })).toEqual(REFUSED)
      expect(await outcome(await corp.assertion({ sub: 'x', email: 'grace@mail.example' }))).toEqual(REFUSED)
    })

    it('refuses a disabled account, and creates none', async () => {
      const { id, sub } = await person()
      await deployment.database.sql`update users set disabled_at = now() where id = ${id}`
      expect(await outcome(await corp.assertion({ sub }))).toEqual(REFUSED)
      await deployment.database.sql`update users set disabled_at = null where id = ${id}`
      await granted(await corp.assertion({ sub }))
      await deployment.database.sql`delete from users where id = ${id}`
      expect(await outcome(await corp.assertion({ sub }))).toEqual(REFUSED)
    })

    it('needs the grant, an assertion, and a client that the issuer names', async () => {
      const { sub } = await person()
      expect(await outcome(await corp.assertion({ sub }), {}, SERVICE)).toEqual([400, 'unauthorized_client'])
      expect(await outcome('')).toEqual([400, 'invalid_request'])
      const ofOther = await corp.assertion({ sub, client_id: 'other-agent' })
      expect(await outcome(ofOther, {}, basic('other-agent', SECRETS.service))).toEqual(REFUSED)
    })

    it('binds the token to a proven key (RFC 9449 §5)', async () => {
      const { sub } = await person()
      const key = await createDpopKey()
      const dpop = await key.proof({ url: `${ISSUER}/token` })
      const body = await granted(await corp.assertion({ sub }), {}, { ...AS_AGENT, dpop })
      expect([body.token_type, decodeJwt(body.access_token)['cnf']]).toEqual(['DPoP', { jkt: key.jkt }])
      const proved = async (of = key) => ({ ...AS_AGENT, dpop: await of.proof({ url: `${ISSUER}/token` }) })
      const bound = () => corp.assertion({ sub, cnf: { jkt: key.jkt } })
      expect(await outcome(await bound())).toEqual(REFUSED)
      expect(await outcome(await bound(), {}, await proved(await createDpopKey()))).toEqual(REFUSED)
      expect(
        await outcome(await corp.assertion({ sub, cnf: { 'x5t#S256': 'x' } }), {}, await proved()),
      ).toEqual(REFUSED)
      expect(await outcome(await bound(), {}, await proved())).toEqual([200])
    })

    it('tells when the person proved who they are as far as the issuer tells it, and no methods', async () => {
      const { sub } = await person()
      const claimsWith = async (claims: object) =>
        decodeJwt((await granted(await corp.assertion({ sub, amr: ['mfa'], ...claims }))).access_token)
      const auth_time = now() - 3600
      expect(await claimsWith({ auth_time })).toMatchObject({ auth_time })
      for (const wrong of [undefined, now() + 3600, -1, 'now'])
        expect(await claimsWith({ auth_time: wrong })).not.toHaveProperty('auth_time')
      for (const claim of ['acr', 'amr']) expect(await claimsWith({})).not.toHaveProperty(claim)
    })
  })

  describe('the keys of an issuer (RFC 7517 §5)', () => {
    const withClock = async () => {
      let after = 0
      const instance = await start({ clock: () => new Date(Date.now() + after) })
      return { instance, advance: (seconds: number) => void (after += seconds * 1000) }
    }

    it('are fetched once, and again for an unknown key, at most every 30 seconds', async () => {
      const { sub } = await person()
      const { instance, advance } = await withClock()
      const next = await createIdentityProvider(corp.issuer, { kid: 'two' })
      const before = host.countOf('/jwks')
      const many = await Promise.all(
        [1, 2, 3].map(async () => outcome(await corp.assertion({ sub }), {}, AS_AGENT, instance)),
      )
      expect([many, host.countOf('/jwks') - before]).toEqual([[[200], [200], [200]], 1])
      publish([corp.jwk, next.jwk])
      for (const _ of [1, 2, 3])
        expect(await outcome(await next.assertion({ sub }), {}, AS_AGENT, instance)).toEqual(REFUSED)
      expect(host.countOf('/jwks') - before).toBe(1)
      advance(31)
      expect(await outcome(await next.assertion({ sub }), {}, AS_AGENT, instance)).toEqual([200])
      expect(host.countOf('/jwks') - before).toBe(2)
      // Known keys outlive a failure of their server, and a key that was taken away does not outlive the next fetch.
      publish([], 500)
      advance(301)
      expect(
        await outcome(
          await next.assertion({
            sub,
            iat: Math.floor(Date.now() / 1000) + 332,
            exp: Math.floor(Date.now() / 1000) + 500,
          }),
          {},
          AS_AGENT,
          instance,
        ),
      ).toEqual([200])
      publish([corp.jwk])
      advance(31)
      const late = Math.floor(Date.now() / 1000) + 363
      expect(
        await outcome(await next.assertion({ sub, iat: late, exp: late + 60 }), {}, AS_AGENT, instance),
      ).toEqual(REFUSED)
      expect(
        await outcome(await corp.assertion({ sub, iat: late, exp: late + 60 }), {}, AS_AGENT, instance),
      ).toEqual([200])
    })

    it.each<[string, () => void]>([
      ['too large', () => publish([{ kty: 'oct', k: 'k'.repeat(70_000) }])],
      ['too many', () => publish(Array.from({ length: 101 }, () => corp.jwk))],
      ['no JSON', () => host.answer('/jwks', response => void response.end('<html>'))],
      [
        'elsewhere',
        () => host.answer('/jwks', response => void response.writeHead(302, { location: '/other' }).end()),
      ],
    ])('are not taken where they are %s: 503, and no second fetch within 30 seconds', async (_, answer) => {
      const { sub } = await person()
      answer()
      const { instance } = await withClock()
      const before = host.countOf('/jwks')
      for (const _ of [1, 2])
        expect((await ask(await corp.assertion({ sub }), {}, AS_AGENT, instance)).status).toBe(503)
      expect([host.countOf('/jwks') - before, host.countOf('/other')]).toEqual([1, 0])
      publish([corp.jwk])
    })
  })

  describe('draft-parecki-oauth-global-token-revocation §3, by a JWT of an issuer', () => {
    const end = async (jwt: string, sub_id: unknown, at = signet, more: object = {}) =>
      (await at.ask('/global-token-revocation', { body: { sub_id, ...more }, token: jwt })).status
    const iss_sub = (sub: string, iss = corp.issuer) => ({ format: 'iss_sub', iss, sub })
    const openSignIn = async (user_id: string) => {
      const family = await seedFamily(deployment, { user_id })
      const { access_token, refresh_token } = (await refresh(signet, family.refresh_token)).body
      return {
        lives: async () => [
          await isActive(signet, access_token),
          (await refresh(other, refresh_token)).status,
        ],
      }
    }
    const signedIn = async (prefix = 'corp|') => {
      const { id, sub } = await person(prefix)
      return { id, sub, ...(await openSignIn(id)) }
    }

    it('ends everything of the person, for both audiences that providers send', async () => {
      const [one, two, bystander] = [await signedIn(), await signedIn(), await signedIn()]
      expect(await end(await corp.revocation(), iss_sub(one.sub))).toBe(204)
      const plain = await corp.revocation({ aud: ISSUER, nbf: Math.floor(Date.now() / 1000) - 300 })
      expect(await end(plain, iss_sub(two.sub), other)).toBe(204)
      expect([await one.lives(), await two.lives()]).toEqual([
        [false, 400],
        [false, 400],
      ])
      expect(await bystander.lives()).toEqual([true, 200])
    })

    it('ends by e-mail where the file says so', async () => {
      const { id, email } = await createAccount(deployment.database, {
        email: 'ada@mail.example',
        email_verified: true,
      })
      const { lives } = await openSignIn(id)
      expect(await end(await corp.revocation(), { format: 'email', email })).toBe(404)
      expect(await end(await mail.revocation(), { format: 'email', email: 'x@other.example' })).toBe(404)
      expect(await end(await mail.revocation(), { format: 'email', email })).toBe(204)
      expect(await lives()).toEqual([false, 400])
    })

    it('ends no people of another issuer, no client, and nothing for a JWT that is not taken', async () => {
      const [ours, theirs] = [await signedIn(), await signedIn('rival|')]
      const thief = await createIdentityProvider(corp.issuer)
      expect(await end(await corp.revocation(), iss_sub(theirs.sub))).toBe(404)
      expect(await end(await corp.revocation(), iss_sub(theirs.sub, rival.issuer))).toBe(404)
      expect(await end(await rival.revocation(), iss_sub(ours.sub))).toBe(404)
      expect(await end(await corp.revocation(), iss_sub('unknown'))).toBe(404)
      expect(await end(await corp.revocation(), { format: 'opaque', id: ours.id })).toBe(400)
      expect(await end(await corp.revocation(), undefined, signet, { client_id: 'app' })).toBe(400)
      const refused = [
        await thief.revocation(),
        await quiet.revocation(),
        await corp.revocation({ aud: 'https://b.example' }),
        await corp.revocation({ aud: `${ISSUER}/token` }),
        await corp.revocation({ iss: rival.issuer }),
        await corp.revocation({ iss: `${corp.issuer}/` }),
        await corp.revocation({ exp: Math.floor(Date.now() / 1000) - 100 }),
        await corp.revocation({ jti: undefined }),
        await corp.revocation({}, { typ: 'JWT' }),
        await corp.assertion({ sub: ours.sub }),
      ]
      for (const jwt of refused) expect(await end(jwt, iss_sub(ours.sub))).toBe(401)
      expect([await ours.lives(), await theirs.lives()]).toEqual([
        [true, 200],
        [true, 200],
      ])
    })

    it('takes a JWT once, over two instances, so that no other person can be named with it', async () => {
      const [one, two] = [await signedIn(), await signedIn()]
      const jwt = await corp.revocation()
      expect(await end(jwt, iss_sub(one.sub))).toBe(204)
      expect([await end(jwt, iss_sub(two.sub)), await end(jwt, iss_sub(two.sub), other)]).toEqual([401, 401])
      expect(await two.lives()).toEqual([true, 200])
    })
  })
})
