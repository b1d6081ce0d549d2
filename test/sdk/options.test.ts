import { describe, expect, it } from 'vitest'
import { createProtect } from '../../src/sdk/hono-node.ts'
import { createExpressProtect, createFastifyProtect, createHttpProtect } from '../../src/sdk/node.ts'
import { redisRevocations } from '../../src/sdk/redis.ts'
import { followRevocations } from '../../src/sdk/revocations.ts'
import { createTestIssuer } from '../../src/sdk/testing.ts'
import { authentication } from '../../src/sdk/verify/requirements.ts'
import { createVerifier } from '../../src/sdk/verify-node.ts'

/** As JavaScript calls it, which knows no types. */
const outcomeOf = async (call: (options: never) => unknown, options: object): Promise<unknown> => {
  try {
    return await Reflect.apply(call, undefined, [options])
  } catch (error) {
    return error
  }
}

describe('an option that does not exist', () => {
  const verifier = { issuer: 'https://id.example', audience: 'https://api.example' }
  const redis = { issuer: 'https://id.example', mget: async () => [] }

  it.each([
    ['createVerifier', createVerifier, verifier, { revocation: {} }, 'revocation; did you mean revocations?'],
    ['createVerifier', createVerifier, verifier, { jwksUri: undefined }, 'jwksUri; did you mean jwks_uri?'],
    [
      'createVerifier',
      createVerifier,
      verifier,
      { clockTolerance: 1 },
      'clockTolerance; did you mean clockToleranceSeconds?',
    ],
    [
      'createVerifier',
      createProtect,
      verifier,
      { revocatoins: {} },
      'revocatoins; did you mean revocations?',
    ],
    [
      'createVerifier',
      createExpressProtect,
      verifier,
      { onstale: 'accept' },
      'onstale; did you mean onStale?',
    ],
    [
      'createVerifier',
      createFastifyProtect,
      verifier,
      { cachesize: 1 },
      'cachesize; did you mean cacheSize?',
    ],
    ['createVerifier', createHttpProtect, verifier, { onfault: () => {} }, 'onfault; did you mean onFault?'],
    [
      'resource',
      createVerifier,
      verifier,
      { resource: { resource: 'https://api.example', scope_supported: [] } },
      'scope_supported; did you mean scopes_supported?',
    ],
    [
      'followRevocations',
      followRevocations,
      { issuer: 'https://id.example' },
      { maxEntry: 1 },
      'maxEntry; did you mean maxEntries?',
    ],
    ['redisRevocations', redisRevocations, redis, { timeout: 1 }, 'timeout; did you mean mget?'],
    ['createTestIssuer', createTestIssuer, verifier, { audiance: '' }, 'audiance; did you mean audience?'],
    ['authentication', authentication, { max_age: 1 }, { maxage: 1 }, 'maxage; did you mean max_age?'],
  ])(
    'makes %s throw a TypeError that names the nearest option',
    async (of, call, options, misspelt, said) => {
      const error = await outcomeOf(call, { ...options, ...misspelt })
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toHaveProperty('message', `${of}: there is no option ${said}`)
    },
  )

  it('is refused even under the name of a property that every object inherits', async () => {
    expect(await outcomeOf(createVerifier, { ...verifier, constructor: 1 })).toBeInstanceOf(TypeError)
    expect(await outcomeOf(createVerifier, verifier)).not.toBeInstanceOf(Error)
  })
})

describe('an option that is to be called and is no function', () => {
  const verifier = { issuer: 'https://id.example', audience: 'https://api.example' }
  const recognise = () => null

  it.each([
    ['createVerifier', createVerifier, ['onFault', 'fetch', 'now']],
    ['createVerifier', createProtect, ['onFault']],
    ['followRevocations', followRevocations, ['onFault', 'fetch', 'now']],
  ])('is refused by %s', async (of, call, names) => {
    const options = of === 'createVerifier' ? verifier : { issuer: verifier.issuer }
    for (const name of names) {
      const error = await outcomeOf(call, { ...options, [name]: 'a text' })
      expect(error).toEqual(new TypeError(`${of}: ${name} must be a function`))
    }
  })

  it('is refused for the transition from sessions, as an end that is no date', async () => {
    const given = (sessions: object) =>
      outcomeOf(() => Reflect.apply(createExpressProtect, undefined, [verifier, sessions]), {})
    expect(await given({ recognise, onUse: 'count' })).toEqual(
      new TypeError('sessions: onUse must be a function'),
    )
    for (const until of [null, '', 'soon'])
      expect(await given({ recognise, until })).toEqual(new TypeError('sessions: until must be a date'))
    expect(await given({ recognise, until: '2027-03-31T00:00:00Z' })).not.toBeInstanceOf(Error)
  })
})
