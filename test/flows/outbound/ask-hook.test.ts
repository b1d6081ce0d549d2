import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLocalJWKSet, decodeProtectedHeader } from 'jose'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { verifyHook } from '../../../examples/hooks/verify-hook.mjs'
import { parseAddressRanges } from '../../../src/domain/base/ip-address.ts'
import { createAskHook } from '../../../src/flows/outbound/ask-hook.ts'
import { createOutbound } from '../../../src/platform/outbound/outbound.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import { type OpenKeys, openKeys } from '../../../src/signing/open-keys.ts'
import { ISSUER } from '../../support/deployment.ts'
import { createLog } from '../../support/effects.ts'
import { openHookReceiver, replying } from '../../support/services/hook-receiver.ts'

const listen = async (answer: RequestListener) => {
  const receiver = await openHookReceiver(answer)
  onTestFinished(() => receiver.close())
  return receiver
}

let keys: OpenKeys
beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-hook-'))
  const opened = await openKeys({ directory, clock: () => new Date(), log: createLog().log })
  if ('faults' in opened) throw new Error(opened.faults.join('\n'))
  keys = opened
  return async () => {
    await keys.close()
    rmSync(directory, { recursive: true })
  }
})

const openHook = (allow: readonly string[] = ['127.0.0.0/8']) => {
  const ranges = parseAddressRanges(allow)
  if ('wrong' in ranges) throw new Error(ranges.wrong)
  const outbound = createOutbound({ allow: ranges.ranges })
  onTestFinished(() => outbound.close())
  const ask = createAskHook({ issuer: ISSUER, keys, outbound, clock: () => new Date(), random: systemRandom })
  const jwks = createLocalJWKSet({ keys: keys.published().map(jwk => ({ ...jwk })) })
  return { ask, jwks }
}

const QUESTION = { email: 'grüße@people.example', password: 'p\u0000ß "😀"' }

describe('a hook', () => {
  it('posts the body as JSON under a detached JWS (RFC 7515 appendix F) that the documented receiver verifies', async () => {
    const { heard, url } = await listen(replying('{"valid":true,"name":"Ada"}'))
    const { ask, jwks } = openHook()
    expect(await ask({ url, body: QUESTION })).toEqual({
      outcome: 'answered',
      answer: { valid: true, name: 'Ada' },
    })
    const [{ method, headers, body } = { method: '', headers: {}, body: '' }] = heard
    expect([method, headers['content-type'], JSON.parse(body)]).toEqual([
      'POST',
      'application/json',
      QUESTION,
    ])
    const signature = String(headers['signet-signature'])
    expect(signature.split('.')[1]).toBe('')
    expect(decodeProtectedHeader(signature)).toEqual({
      alg: 'RS256',
      typ: 'signet-hook+jwt',
      kid: expect.any(String),
      iss: ISSUER,
      aud: url,
      iat: expect.any(Number),
      jti: expect.any(String),
    })
    expect(await verifyHook(signature, body, { keys: jwks, url })).toEqual(QUESTION)
    await expect(verifyHook(signature, `${body} `, { keys: jwks, url })).rejects.toThrow(/signature/)
    await expect(verifyHook(signature, body, { keys: jwks, url: `${url}0` })).rejects.toThrow(/another hook/)
  })

  it('has a signature of its own for each question', async () => {
    const { heard, url } = await listen(replying('{}'))
    const { ask } = openHook()
    await ask({ url, body: QUESTION })
    await ask({ url, body: QUESTION })
    const jtis = heard.map(({ headers }) => decodeProtectedHeader(String(headers['signet-signature']))['jti'])
    expect(new Set(jtis).size).toBe(2)
  })

  it.each([
    ['a refusal', replying('{}', 403), 'not_accepted', 403],
    ['an answer without a body', replying('', 204), 'not_accepted', 204],
    ['a redirect, which is not followed', replying('', 307, { location: '/elsewhere' }), 'not_accepted', 307],
    ['no JSON', replying('yes'), 'answer_malformed'],
    ['JSON that is no object', replying('[true]'), 'answer_malformed'],
    ['an answer of 16,385 bytes', replying(`{"a":"${'a'.repeat(16_385 - 8)}"}`), 'body_too_large'],
    ['no answer within two seconds', () => {}, 'timed_out'],
  ] as const)('gives a verdict on %s', async (_name, answer, reason, receiver_status?: number) => {
    const { heard, url } = await listen(answer)
    const { ask } = openHook()
    expect(await ask({ url, body: QUESTION })).toEqual({
      outcome: 'unanswered',
      reason,
      ...(receiver_status === undefined ? {} : { receiver_status }),
    })
    expect(heard).toHaveLength(1)
  })

  it('takes an answer of 16,384 bytes', async () => {
    const { url } = await listen(replying(`{"a":"${'a'.repeat(16_384 - 8)}"}`))
    const { ask } = openHook()
    expect(await ask({ url, body: QUESTION })).toMatchObject({ outcome: 'answered' })
  })

  it('calls no internal address that OUTBOUND_ALLOW does not name', async () => {
    const { heard, url } = await listen(replying('{}'))
    const { ask } = openHook(['10.0.0.0/8'])
    expect(await ask({ url, body: QUESTION })).toEqual({ outcome: 'unanswered', reason: 'address_refused' })
    const none = openHook([])
    expect(await none.ask({ url, body: QUESTION })).toEqual({
      outcome: 'unanswered',
      reason: 'scheme_refused',
    })
    expect(heard).toEqual([])
  })

  it('is verified by the code that docs/hooks.md shows', () => {
    const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readFileSync('docs/hooks.md', 'utf8')) ?? []
    expect(code).toBe(readFileSync('examples/hooks/verify-hook.mjs', 'utf8').replace('// @ts-check\n', ''))
  })
})
