import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer } from '../support/answer.ts'
import { JWT_BEARER } from '../support/assertions.ts'
import { basic, CLIENT_CREDENTIALS, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, type Form, type Instance, openDeployment } from '../support/deployment.ts'

const POSTER = { client_id: 'poster', client_secret: SECRETS.poster }
const ODD = 'odd id:+%'

const raw = (pair: string | Uint8Array) => ({
  authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
})

describe('RFC 6749 §2.3 – client authentication', () => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const expectAccepted = async (form: Form, headers?: Readonly<Record<string, string>>) =>
    expect((await signet.token(form, headers)).status).toBe(200)
  const expectInvalidClient = ({ status, body, headers }: Answer) => {
    expect([status, body.error]).toEqual([401, 'invalid_client'])
    expect(headers.get('www-authenticate')).toMatch(/^Basic realm="[^"]+"/)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(Object.keys(body)).toEqual(['error', 'error_description'])
  }
  const expectRefused = async (form: Form, headers?: Readonly<Record<string, string>>) =>
    expectInvalidClient(await signet.token(form, headers))
  const expectInvalidRequest = async (form: Form, headers?: Readonly<Record<string, string>>) => {
    const { status, body } = await signet.token(form, headers)
    expect([status, body.error]).toEqual([400, 'invalid_request'])
  }

  describe('§2.3.1 – client_secret_basic', () => {
    it('accepts client id and secret with the scheme in any case (RFC 9110 §11.1)', async () => {
      await expectAccepted(CLIENT_CREDENTIALS, SERVICE)
      await expectAccepted(CLIENT_CREDENTIALS, {
        authorization: SERVICE.authorization.replace('Basic', 'bASIC'),
      })
      await expectAccepted({ ...CLIENT_CREDENTIALS, client_id: 'service' }, SERVICE)
    })

    it('decodes each half as a form: plus, percent, colon, and UTF-8 (RFC 6749 appendix B)', async () => {
      await expectAccepted(CLIENT_CREDENTIALS, basic(ODD, SECRETS.odd))
      await expectAccepted(
        CLIENT_CREDENTIALS,
        raw(`${encodeURIComponent(ODD)}:${encodeURIComponent(SECRETS.odd)}`),
      )
      const lower = encodeURIComponent(SECRETS.odd).replaceAll(/%../g, escape => escape.toLowerCase())
      await expectAccepted(CLIENT_CREDENTIALS, raw(`${encodeURIComponent(ODD)}:${lower}`))
    })

    it('RFC 7617 §2 – splits at the first colon, and keeps a colon in the secret', async () => {
      const encoded = encodeURIComponent(SECRETS.odd).replaceAll('%3A', ':')
      await expectAccepted(CLIENT_CREDENTIALS, raw(`odd+id%3A%2B%25:${encoded}`))
    })

    it('does not accept an unencoded secret in place of the encoded one', async () => {
      await expectRefused(CLIENT_CREDENTIALS, raw(`${ODD}:${SECRETS.odd}`))
      await expectRefused(CLIENT_CREDENTIALS, raw(`odd+id%3A%2B%25:${SECRETS.odd}`))
    })

    it.each([
      ['a wrong secret', basic('service', `${SECRETS.service}x`)],
      ['a shorter secret', basic('service', SECRETS.service.slice(1))],
      ['no secret', basic('service', '')],
      ['another client’s secret', basic('service', SECRETS.poster)],
      ['the digest of nothing', raw('service')],
      ['nobody', raw(`:${SECRETS.service}`)],
      ['an unknown client', basic('nobody', SECRETS.service)],
      ['a client named in other case', basic('Service', SECRETS.service)],
      ['a malformed escape', raw(`service:${SECRETS.service}%`)],
      ['an escape that is no UTF-8', raw(`service:${SECRETS.service}%ff`)],
      ['bytes that are no UTF-8', raw(Buffer.from([0x73, 0x3a, 0xff, 0xfe]))],
      ['malformed base64', { authorization: 'Basic !!!' }],
      ['nothing', { authorization: 'Basic ' }],
      ['the scheme alone', { authorization: 'Basic' }],
      ['two pairs', { authorization: `${SERVICE.authorization}, ${SERVICE.authorization}` }],
      ['another scheme', { authorization: `Bearer ${SECRETS.service}` }],
      ['Digest', { authorization: 'Digest username="service"' }],
    ])('refuses %s', async (_, headers) => {
      await expectRefused(CLIENT_CREDENTIALS, headers)
    })
  })

  describe('§2.3.1 – client_secret_post', () => {
    it('accepts client id and secret in the body', async () => {
      await expectAccepted({ ...CLIENT_CREDENTIALS, ...POSTER })
    })

    it('refuses a wrong, a missing and an empty secret, and an unknown client', async () => {
      await expectRefused({ ...CLIENT_CREDENTIALS, ...POSTER, client_secret: `${SECRETS.poster}x` })
      await expectRefused({ ...CLIENT_CREDENTIALS, client_id: 'poster' })
      await expectRefused({ ...CLIENT_CREDENTIALS, client_id: 'poster', client_secret: '' })
      await expectRefused({ ...CLIENT_CREDENTIALS, ...POSTER, client_id: 'nobody' })
      await expectRefused({ ...CLIENT_CREDENTIALS, client_secret: SECRETS.poster })
    })
  })

  it('accepts exactly the registered method', async () => {
    await expectRefused({ ...CLIENT_CREDENTIALS, client_id: 'service', client_secret: SECRETS.service })
    await expectRefused(CLIENT_CREDENTIALS, basic('poster', SECRETS.poster))
    await expectRefused({ ...CLIENT_CREDENTIALS, client_id: 'service' })
    await expectRefused({ grant_type: 'refresh_token', refresh_token: 'x' }, basic('app', ''))
    await expectRefused({ grant_type: 'refresh_token', refresh_token: 'x' }, basic('app', SECRETS.service))
    await expectRefused({ grant_type: 'refresh_token', client_id: 'app', client_secret: 'x' })
  })

  it('§2.3 – refuses two methods at once, whichever secret is right', async () => {
    const assertion = { client_assertion: 'a.b.c', client_assertion_type: JWT_BEARER }
    await expectInvalidRequest({ ...CLIENT_CREDENTIALS, client_secret: SECRETS.service }, SERVICE)
    await expectInvalidRequest({ ...CLIENT_CREDENTIALS, ...POSTER }, SERVICE)
    await expectInvalidRequest({ ...CLIENT_CREDENTIALS, ...assertion }, SERVICE)
    await expectInvalidRequest({ ...CLIENT_CREDENTIALS, client_assertion_type: JWT_BEARER }, SERVICE)
    await expectInvalidRequest({ ...CLIENT_CREDENTIALS, ...POSTER, ...assertion })
    await expectInvalidRequest({ ...CLIENT_CREDENTIALS, ...POSTER }, { authorization: 'Bearer x' })
  })

  it('§3.2.1 – refuses a client_id that names another client', async () => {
    await expectInvalidRequest({ ...CLIENT_CREDENTIALS, client_id: 'poster' }, SERVICE)
    await expectInvalidRequest({ ...CLIENT_CREDENTIALS, client_id: 'nobody' }, SERVICE)
  })

  it('§5.2 – refuses a request that names no client', async () => {
    await expectRefused(CLIENT_CREDENTIALS)
    await expectRefused({ ...CLIENT_CREDENTIALS, client_id: '' })
    await expectRefused({ ...CLIENT_CREDENTIALS, client_id: 'nobody' })
    await expectRefused({ ...CLIENT_CREDENTIALS, client_id: '__proto__' })
  })

  it('authenticates the client before it answers unsupported_grant_type', async () => {
    await expectRefused({ grant_type: 'nonsense' })
    await expectRefused({ ...CLIENT_CREDENTIALS, scope: 'nonsense' }, basic('service', 'wrong'))
  })

  it('works alike at each endpoint that authenticates clients (RFC 7009 §2.1, RFC 7662 §2.1)', async () => {
    for (const path of ['/token', '/revoke', '/introspect']) {
      const form = { ...CLIENT_CREDENTIALS, token: 'x' }
      expectInvalidClient(await signet.post(path, form))
      expectInvalidClient(await signet.post(path, form, basic('service', 'wrong')))
      const { status, body } = await signet.post(path, { ...form, client_secret: 'x' }, SERVICE)
      expect([status, body.error]).toEqual([400, 'invalid_request'])
    }
  })

  it('distinguishes an unknown client from a wrong secret in the log only', async () => {
    const unknown = await signet.token(CLIENT_CREDENTIALS, basic('nobody', SECRETS.service))
    const wrong = await signet.token(CLIENT_CREDENTIALS, basic('service', 'wrong'))
    expect(unknown.text).toBe(wrong.text)
    expect(signet.lines.slice(-2).map(line => line['reason'])).toEqual([
      'client_unknown',
      'client_secret_wrong',
    ])
  })
})
