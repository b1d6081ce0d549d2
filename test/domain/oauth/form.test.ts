import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer } from '../../support/answer.ts'
import { SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'

const CC = 'grant_type=client_credentials'
const LIMIT = 64 * 1024
const ENDPOINTS = ['/token', '/revoke', '/introspect']

/** A body of exactly this number of bytes, padded with an ignored parameter. */
const bodyOf = (bytes: number) => `${CC}&padding=`.padEnd(bytes, 'x')

const chunked = (body: string, bytes_each = 10_000) =>
  new ReadableStream<Uint8Array>({
    start: controller => {
      const bytes = Buffer.from(body)
      for (let at = 0; at < bytes.length; at += bytes_each)
        controller.enqueue(bytes.subarray(at, at + bytes_each))
      controller.close()
    },
  })

describe('RFC 6749 §3.2 and appendix B – the form of a request', () => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    signet = await deployment.start()
  })
  afterAll(async () => {
    // No request of this file led to an unexpected error.
    expect(signet.lines.filter(line => Number(line['status']) >= 500)).toEqual([])
    expect(signet.lines.filter(line => line['message'] === 'unexpected error')).toEqual([])
    await deployment.close()
  })

  const send = (
    body: string | Uint8Array | ReadableStream<Uint8Array>,
    headers: Readonly<Record<string, string>> = {},
    path = '/token',
  ) => {
    const content = { 'content-type': 'application/x-www-form-urlencoded', ...SERVICE }
    const stream = typeof body === 'string' ? {} : { duplex: 'half' as const }
    return signet.fetch(path, { method: 'POST', headers: { ...content, ...headers }, body, ...stream })
  }
  const verdictOf = ({ status, body }: Answer) => [status, body.error]
  const OK = [200, undefined]
  const INVALID = [400, 'invalid_request']

  it.each([
    ['twice the same', `${CC}&${CC}`],
    ['two values', `${CC}&grant_type=refresh_token`],
    ['an empty one and another', `${CC}&scope=&scope=read`],
    ['of an unknown name', `${CC}&other=1&other=2`],
    ['of a name with escapes', `${CC}&scope=read&s%63ope=write`],
  ])('refuses a parameter that is repeated: %s', async (_, body) => {
    expect(verdictOf(await send(body))).toEqual(INVALID)
  })

  it('treats an empty parameter as absent', async () => {
    expect(verdictOf(await send(`${CC}&scope=&client_id=&resource=&client_secret=`))).toEqual(OK)
    expect(verdictOf(await send('grant_type='))).toEqual(INVALID)
    expect(verdictOf(await send(''))).toEqual(INVALID)
    expect(verdictOf(await send('scope=read'))).toEqual(INVALID)
  })

  it('ignores unknown parameters', async () => {
    const strange = '__proto__=x&constructor=y&toString=z&unknown=%F0%9F%98%80&=&&'
    expect(verdictOf(await send(`${CC}&${strange}`))).toEqual(OK)
  })

  it.each([
    ['an escape that is cut off', `${CC}&scope=read%`],
    ['an escape of half', `${CC}&scope=read%4`],
    ['an escape that is none', `${CC}&scope=%zz`],
    ['an escape of no UTF-8', `${CC}&scope=%ff`],
    ['an overlong escape', `${CC}&scope=%c0%af`],
    ['an escaped surrogate', `${CC}&scope=%ed%a0%80`],
    ['NUL', `${CC}&scope=read%00`],
    ['a line feed', `${CC}&scope=read%0Awrite`],
    ['a control character', `${CC}&scope=%1b[2J`],
    ['a C1 control character', `${CC}&scope=%c2%9b`],
    ['a control character in a name', `${CC}&sco%00pe=read`],
    ['a line feed as it is', `${CC}&scope=read\n`],
  ])('refuses %s', async (_, body) => {
    expect(verdictOf(await send(body))).toEqual(INVALID)
  })

  it('refuses bytes that are not UTF-8, with a length and in chunks', async () => {
    const bytes = new Uint8Array([...Buffer.from(`${CC}&scope=`), 0xff, 0xfe])
    expect(verdictOf(await send(bytes))).toEqual(INVALID)
    expect(verdictOf(await send(bytes, { 'content-length': String(bytes.length) }))).toEqual(INVALID)
  })

  it.each(ENDPOINTS)('refuses parameters and credentials in the query of POST %s', async path => {
    for (const query of [CC, 'token=x', 'client_id=service', 'access_token=x'])
      expect(verdictOf(await send(CC, {}, `${path}?${query}`))).toEqual(INVALID)
  })

  it.each([
    'application/x-www-form-urlencoded; charset=UTF-8',
    'Application/X-WWW-Form-Urlencoded;charset=utf-8',
  ])('accepts the content type %s', async type => {
    expect(verdictOf(await send(CC, { 'content-type': type }))).toEqual(OK)
  })

  it.each([
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencodedx',
    '',
  ])('refuses the content type %j', async type => {
    expect(verdictOf(await send(CC, { 'content-type': type }))).toEqual(INVALID)
  })

  it('refuses a body without a content type, and one of JSON', async () => {
    const bare = await signet.fetch('/token', {
      method: 'POST',
      headers: SERVICE,
      body: new TextEncoder().encode(CC),
    })
    expect(verdictOf(bare)).toEqual(INVALID)
    const body = JSON.stringify({ grant_type: 'client_credentials' })
    expect(verdictOf(await send(body, { 'content-type': 'application/json' }))).toEqual(INVALID)
  })

  it('accepts 64 kB, with a length and in chunks', async () => {
    expect(verdictOf(await send(bodyOf(LIMIT)))).toEqual(OK)
    expect(verdictOf(await send(chunked(bodyOf(LIMIT))))).toEqual(OK)
    expect(verdictOf(await send(chunked(CC, 1)))).toEqual(OK)
  })

  it('answers 413 to one byte more, with a length and in chunks, and closes the connection', async () => {
    for (const body of [bodyOf(LIMIT + 1), chunked(bodyOf(LIMIT + 1)), chunked(bodyOf(10 * LIMIT))]) {
      const answer = await send(body)
      expect(verdictOf(answer)).toEqual([413, 'invalid_request'])
      expect(answer.headers.get('connection')).toBe('close')
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
  })

  it('§5.2 – describes the fault and repeats no part of the request', async () => {
    for (const sent of [`${CC}&${CC}`, `${CC}&scope=hunter2`, 'grant_type=hunter2']) {
      const { body, text } = await send(sent)
      expect(body.error_description.length).toBeGreaterThan(10)
      expect(body.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
      expect(text).not.toContain('hunter2')
    }
  })

  it('requires a token at /revoke and /introspect (RFC 7009 §2.1, RFC 7662 §2.1)', async () => {
    for (const path of ['/revoke', '/introspect'])
      for (const body of ['token=', 'token_type_hint=access_token', ''])
        expect(verdictOf(await send(body, {}, path))).toEqual(INVALID)
  })

  it('answers every kind of garbage with a refusal, never with a server error', async () => {
    const garbage = [
      '%00',
      '&'.repeat(60_000),
      'a=&'.repeat(2),
      '='.repeat(60_000),
      'grant_type[]=client_credentials',
      'grant_type[a]=x&grant_type.b=y',
      `grant_type=${'x'.repeat(60_000)}`,
      `grant_type=refresh_token&refresh_token=${'.'.repeat(60_000)}`,
      '\ufeffgrant_type=client_credentials',
      '{"grant_type":"client_credentials"}',
      `token=${'a.'.repeat(30_000)}`,
      'token=signet_rt_%F0%9F%98%80',
    ]
    for (const path of ENDPOINTS)
      for (const body of garbage) expect((await send(body, {}, path)).status).toBeLessThan(500)
  })
})
