import { randomUUID } from 'node:crypto'
import type { RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { uuidv7 } from 'uuidv7'
import { describe, expect, it, type TestContext, vi } from 'vitest'
import type { FollowOptions } from '../../../src/sdk/feed/follow-options.ts'
import { followRevocations as onWebCrypto } from '../../../src/sdk/revocations.ts'
import { followRevocations as onNodeCrypto } from '../../../src/sdk/revocations-node.ts'
import { createVerifier } from '../../../src/sdk/verify-node.ts'
import {
  AUDIENCE,
  closeServer,
  createKey,
  JWKS,
  listenOnLoopback,
  METADATA,
  segmentOf,
  signSegments,
  signToken,
  type TestKey,
} from '../../support/issuer.ts'

const ENGINES = [
  { name: 'node:crypto', followRevocations: onNodeCrypto },
  { name: 'Web Crypto', followRevocations: onWebCrypto },
]

type Claims = Readonly<Record<string, unknown>>
const seconds = () => Math.floor(Date.now() / 1000)
const idsOf = (...uuids: readonly string[]) => ({
  [seconds() + 900]: Buffer.from(uuids.join('').replaceAll('-', ''), 'hex').toString('base64url'),
})
const token = (claims: Claims = {}) => ({
  jti: randomUUID(),
  sub: 'ada',
  client_id: 'web',
  iat: seconds(),
  exp: seconds() + 900,
  ...claims,
})

const key = createKey()
const stranger = createKey(key.kid)

/** An issuer whose feed says what the test wants, to each question in turn. A question waits until there is something to say. */
const startFeed = async () => {
  const script: RequestListener[] = []
  const waiting: Parameters<RequestListener>[] = []
  const questions: URLSearchParams[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://feed')
    const documents: Claims = {
      [METADATA]: { issuer: feed.issuer, jwks_uri: feed.issuer + JWKS },
      [JWKS]: { keys: [key.jwk] },
    }
    if (pathname !== '/revocations') return response.end(JSON.stringify(documents[pathname]))
    questions.push(searchParams)
    waiting.push([request, response])
    return answer()
  })
  const answer = () => {
    for (let say = script[0]; say && waiting[0]; say = script[0]) {
      script.shift()
      say(...(waiting.shift() ?? unreachable()))
    }
  }
  const feed = {
    issuer: `http://127.0.0.1:${await listenOnLoopback(server)}`,
    key,
    stranger,
    questions,
    claims: (claims: Claims = {}): Claims => ({
      iss: feed.issuer,
      iat: seconds(),
      exp: seconds() + 300,
      since: null,
      cursor: 'one',
      more: false,
      ids: {},
      named: [],
      ...claims,
    }),
    sign: (claims: Claims = {}, header: Claims = {}, by: TestKey = key) =>
      signSegments(
        by,
        segmentOf({ alg: 'RS256', typ: 'revocations+jwt', kid: by.kid, ...header }),
        segmentOf(feed.claims(claims)),
      ),
    /** The next questions are answered so. */
    says: (...answers: readonly (string | RequestListener)[]) => {
      for (const one of answers) {
        script.push(typeof one === 'string' ? (_, response) => response.end(one) : one)
      }
      answer()
    },
    close: () => closeServer(server),
  }
  return feed
}

type Feed = Awaited<ReturnType<typeof startFeed>>

const unreachable = (): never => {
  throw new Error('no test waits for a response yet')
}

const status = (code: number, headers: Record<string, string> = {}): RequestListener => {
  return (_, response) => response.writeHead(code, headers).end('{}')
}
function pour(response: ServerResponse) {
  while (response.write('x'.repeat(65_536)));
  response.once('drain', () => pour(response))
}

// Most of a follower's time is waiting, so the tests run at the same time, each with a feed and followers of its own.
describe.each(ENGINES)('the follower, with $name', { concurrent: true }, ({ followRevocations }) => {
  const begin = async ({ expect, onTestFinished }: TestContext) => {
    const feed = await startFeed()
    onTestFinished(() => feed.close())
    const time = { now: Date.now }
    const faults: string[] = []
    const follow = (options: Partial<FollowOptions> = {}) => {
      const following = followRevocations({
        issuer: feed.issuer,
        onFault: fault => faults.push(fault.message),
        now: () => time.now(),
        ...options,
      })
      onTestFinished(following.close)
      return following
    }
    /** Waits until the follower has asked `times` times: it has then judged each earlier answer. */
    const asked = (times: number) =>
      vi.waitFor(() => expect(feed.questions.length).toBeGreaterThanOrEqual(times), {
        timeout: 10_000,
        interval: 5,
      })
    return { expect, feed, time, faults, follow, asked }
  }

  it('knows what was revoked, by token, sign-in, person and client', async context => {
    const { expect, feed, follow } = await begin(context)
    const [jti, sid] = [randomUUID(), randomUUID()]
    const until = seconds()
    const named = [
      ['sub', 'eve', until + 900, until],
      ['client_id', 'cron', until + 900, until],
      ['jti', 'custom', until + 900, null],
    ]
    feed.says(feed.sign({ ids: idsOf(jti, sid), named }))
    const following = follow()
    await following.ready()
    expect(following.state()).toMatchObject({ revocation: 'checked', entries: 5, fault: null })
    const standings = [
      {},
      { jti },
      { sid },
      { jti: 'custom' },
      { sub: 'eve', iat: until },
      { sub: 'eve', iat: until + 1 },
      { client_id: 'cron', iat: until - 1 },
      { client_id: 'cron', iat: until + 1 },
      { sub: 'cron' },
    ].map(claims => following.check(token(claims)))
    const [L, R] = ['live', 'revoked']
    expect(standings).toEqual([L, R, R, R, R, L, R, L, L])
  })

  it('goes on from the cursor, keeps what it knew, and sends no request for a single token', async context => {
    const { expect, feed, follow, asked } = await begin(context)
    const [first, second] = [randomUUID(), randomUUID()]
    feed.says(
      feed.sign({ ids: idsOf(first) }),
      feed.sign({ since: 'one', cursor: 'two', ids: idsOf(second) }),
    )
    const following = follow()
    await asked(3)
    expect(feed.questions.map(String)).toEqual(['', 'cursor=one&wait=10', 'cursor=two&wait=10'])
    for (let turn = 0; turn < 1000; turn += 1) following.check(token())
    expect([first, second].map(jti => following.check(token({ jti })))).toEqual(['revoked', 'revoked'])
    expect(feed.questions).toHaveLength(3)
  })

  it('takes a large set in parts, and is current only after the last', async context => {
    const { expect, feed, follow, asked } = await begin(context)
    const [first, second] = [randomUUID(), randomUUID()]
    feed.says(feed.sign({ ids: idsOf(first), cursor: 'part', more: true }))
    const following = follow()
    await asked(2)
    expect(following.check(token({ jti: first }))).toBe('revoked')
    expect(following.check(token())).toBe('stale')
    feed.says(feed.sign({ since: 'part', cursor: 'end', ids: idsOf(second) }))
    await following.ready()
    expect(following.check(token({ jti: second }))).toBe('revoked')
    expect(following.check(token())).toBe('live')
  })

  it('begins again when its cursor is gone, and forgets nothing by it', async context => {
    const { expect, feed, follow, asked } = await begin(context)
    const [first, second] = [randomUUID(), randomUUID()]
    feed.says(feed.sign({ ids: idsOf(first) }), status(410), feed.sign({ cursor: 'new', ids: idsOf(second) }))
    const following = follow()
    await asked(4)
    expect(feed.questions.map(String)).toEqual(['', 'cursor=one&wait=10', '', 'cursor=new&wait=10'])
    expect([first, second].map(jti => following.check(token({ jti })))).toEqual(['revoked', 'revoked'])
  })

  it('does not ask for everything again and again where each cursor is gone at once', async context => {
    const { expect, feed, follow, asked } = await begin(context)
    const everything = feed.sign({ ids: idsOf(randomUUID()) })
    const parts = [feed.sign({ cursor: 'part', more: true }), feed.sign({ since: 'part', cursor: 'one' })]
    const loop = [everything, status(410), ...parts, status(410)]
    feed.says(...loop, ...loop, ...loop, ...loop)
    const following = follow()
    const began = performance.now()
    await asked(8)
    // The second one that is gone is followed by a second at least, the third by two.
    expect(performance.now() - began).toBeGreaterThan(3000)
    expect(following.state().revocation).toBe('checked')
  })

  it('asks at once again when its cursor is gone now and then', async context => {
    const { expect, feed, faults, follow, asked } = await begin(context)
    const step = (number: number) =>
      feed.sign({ since: `${number}`, cursor: `${number + 1}`, ids: idsOf(randomUUID()) })
    const round = [feed.sign({ cursor: '1' }), step(1), status(410)]
    feed.says(...round, ...round, ...round, feed.sign({ cursor: '1' }))
    follow()
    const began = performance.now()
    await asked(11)
    expect(performance.now() - began).toBeLessThan(9000)
    expect(faults).toHaveLength(3)
  })

  it('does not spin where an answer with entries leads to its own cursor', async context => {
    const { expect, feed, follow, asked } = await begin(context)
    const same = feed.sign({ since: 'one', cursor: 'one', ids: idsOf(randomUUID()) })
    feed.says(feed.sign(), ...Array.from({ length: 1000 }, () => same))
    follow()
    const began = performance.now()
    await asked(5)
    expect(performance.now() - began).toBeGreaterThan(3000)
  })

  const attacks: readonly (readonly [string, (feed: Feed) => string | RequestListener])[] = [
    ['signed by a stranger', feed => feed.sign({ ...STEP, ids: idsOf(BYSTANDER) }, {}, feed.stranger)],
    ['signed by an unknown key', feed => feed.sign(STEP, { kid: 'unknown' })],
    ['that is an access token', feed => feed.sign(STEP, { typ: 'at+jwt' })],
    ['that is a status list', feed => feed.sign(STEP, { typ: 'statuslist+jwt' })],
    ['that is any JWT', feed => feed.sign(STEP, { typ: 'JWT' })],
    ['without a type', feed => feed.sign(STEP, { typ: undefined })],
    ['without a signature', () => `${segmentOf({ alg: 'none', typ: 'revocations+jwt' })}.${segmentOf({})}.`],
    ['that brings its own key', feed => feed.sign(STEP, { jwk: feed.stranger.jwk }, feed.stranger)],
    ['with an extension', feed => feed.sign(STEP, { crit: ['x'], x: 1 })],
    ['of another issuer', feed => feed.sign({ ...STEP, iss: 'https://evil.example' })],
    ['to another question', feed => feed.sign({ ...STEP, since: 'other' })],
    ['that is the snapshot again', feed => feed.sign({ cursor: 'one' })],
    ['that is an older answer', feed => feed.sign({ ...STEP, iat: seconds() - 60 })],
    ['from the future', feed => feed.sign({ ...STEP, iat: seconds() + 60 })],
    ['that has expired', feed => feed.sign({ ...STEP, exp: seconds() - 60 })],
    ['cut off', feed => feed.sign(STEP).slice(0, -10)],
    ['cut off in the middle', feed => feed.sign(STEP).replace(/\.[^.]{20}/, '.')],
    ['with a changed entry', feed => feed.sign(STEP).replace(/\.(....)/, '.AAAA')],
    ['without a cursor', feed => feed.sign({ ...STEP, cursor: undefined })],
    ['with an empty cursor', feed => feed.sign({ ...STEP, cursor: '' })],
    ['with a huge cursor', feed => feed.sign({ ...STEP, cursor: 'x'.repeat(5000) })],
    ['without entries', feed => feed.sign({ ...STEP, ids: undefined })],
    ['with entries that are no ids', feed => feed.sign({ ...STEP, ids: { [seconds() + 9]: 'AAAA' } })],
    ['with entries that are no text', feed => feed.sign({ ...STEP, ids: { [seconds() + 9]: 7 } })],
    ['with an expiry that is no time', feed => feed.sign({ ...STEP, ids: { x: '' } })],
    ['with malformed names', feed => feed.sign({ ...STEP, named: [['sub', 'ada']] })],
    ['with names that are no list', feed => feed.sign({ ...STEP, named: {} })],
    [
      'with good entries before a bad one',
      feed => feed.sign({ ...STEP, ids: idsOf(BYSTANDER), named: [['sub', 1, 1, 1]] }),
    ],
    ['that is not there', () => status(404)],
    ['that fails', () => status(500)],
    ['that is redirected', feed => status(302, { Location: `${feed.issuer}/revocations` })],
    ['that is empty', () => ''],
    ['that is no JWS', () => '{"ids":{}}'],
    ['that is huge', () => (_, response) => pour(response)],
    ['that says it is huge and is compressed', () => status(200, { 'Content-Encoding': 'gzip' })],
    ['that hangs up', () => request => request.socket.destroy()],
  ]
  const BYSTANDER = randomUUID()
  const STEP = { since: 'one', cursor: 'two' }

  it.for(attacks)('refuses an answer %s, and goes on with what it knew', async ([, attack], context) => {
    const { expect, feed, faults, follow, asked } = await begin(context)
    const [known, late] = [randomUUID(), randomUUID()]
    feed.says(
      feed.sign({ ids: idsOf(known) }),
      attack(feed),
      feed.sign({ since: 'one', cursor: 'three', ids: idsOf(late) }),
    )
    const following = follow()
    await asked(4)
    expect(faults).toHaveLength(1)
    // The refused answer moved nothing: the same question was asked again.
    expect(feed.questions.map(question => question.get('cursor'))).toEqual([null, 'one', 'one', 'three'])
    expect([known, late, BYSTANDER].map(jti => following.check(token({ jti })))).toEqual([
      'revoked',
      'revoked',
      'live',
    ])
  })

  it('gives a slow answer up', { timeout: 30_000 }, async context => {
    const { expect, feed, faults, follow } = await begin(context)
    feed.says(feed.sign(), (_, response) => {
      response.write('x')
    })
    follow({ maxStaleSeconds: 5 })
    await vi.waitFor(() => expect(feed.questions).toHaveLength(3), { timeout: 15_000 })
    expect(faults).toHaveLength(1)
  })

  it('refuses more sign-ins than it has room for, and says that it no longer knows', async context => {
    const { expect, feed, time, follow, asked } = await begin(context)
    const ids = Array.from({ length: 4 }, () => uuidv7())
    feed.says(
      feed.sign({ ids: idsOf(...ids.slice(0, 2)) }),
      feed.sign({ ...STEP, ids: idsOf(...ids.slice(2)) }),
    )
    const following = follow({ maxEntries: 3 })
    await asked(3)
    expect(following.state()).toMatchObject({ entries: 2, fault: { message: 'more than 3 revocations' } })
    time.now = () => Date.now() + 31_000
    expect(following.check(token())).toBe('stale')
    expect(following.check(token({ sid: ids[0] }))).toBe('revoked')
    expect(following.state()).toMatchObject({ revocation: 'stale', reason: 'old' })
  })

  it('leaves single tokens out when there is no room, keeps all that ends more, and says so', async context => {
    const { expect, feed, time, faults, follow, asked } = await begin(context)
    const tokens = Array.from({ length: 12 }, () => randomUUID())
    const signIns = Array.from({ length: 8 }, () => uuidv7())
    feed.says(
      feed.sign({ ids: idsOf(...tokens.slice(0, 6), ...signIns.slice(0, 2)) }),
      feed.sign({ ...STEP, ids: idsOf(...tokens.slice(6), ...signIns.slice(2, 4)) }),
      feed.sign({
        since: 'two',
        cursor: 'three',
        ids: idsOf(...signIns.slice(4)),
        named: [['sub', 'eve', seconds() + 900, seconds() + 60]],
      }),
    )
    const following = follow({ maxEntries: 10 })
    await asked(4)
    for (const sid of signIns) expect(following.check(token({ sid }))).toBe('revoked')
    expect(following.check(token({ sub: 'eve' }))).toBe('revoked')
    expect(following.check(token())).toBe('partial')
    expect(following.state()).toMatchObject({ revocation: 'stale', reason: 'overflow', fault: null })
    expect(following.state().entries).toBeLessThanOrEqual(10)
    expect(faults).toEqual(['more than 10 revocations: single tokens are left out'])
    const innocent = token()
    const verifier = createVerifier({
      issuer: feed.issuer,
      audience: AUDIENCE,
      revocations: { check: () => following.check(innocent) },
    })
    const accepted = await verifier.verify(
      await signToken(key, { ...feed.claims(), ...innocent, aud: AUDIENCE }),
    )
    expect(accepted.revocation).toBe('stale')
    time.now = () => Date.now() + 1_000_000
    expect(following.state()).toMatchObject({ reason: 'old' })
  })

  it('makes room by forgetting what has expired', async context => {
    const { expect, feed, time, faults, follow, asked } = await begin(context)
    const later = { [seconds() + 1800]: Buffer.alloc(48, 7).toString('base64url') }
    feed.says(
      feed.sign({ ids: idsOf(randomUUID(), randomUUID()), named: [['sub', 'ada', seconds() + 900, 1]] }),
      (_, response) => {
        time.now = () => Date.now() + 1_000_000
        response.end(feed.sign({ ...STEP, iat: seconds() + 1000, exp: seconds() + 1300, ids: later }))
      },
    )
    const following = follow({ maxEntries: 3 })
    await asked(3)
    expect(faults).toEqual([])
    expect(following.state().entries).toBe(1)
  })

  it('is current up to its bound and not beyond, by the time that the issuer signed', async context => {
    const { expect, feed, time, follow } = await begin(context)
    feed.says(feed.sign({ iat: seconds() - 10 }))
    const following = follow()
    await following.ready()
    const start = Date.now()
    expect(following.check(token())).toBe('live')
    time.now = () => start + 18_000
    expect(following.check(token())).toBe('live')
    time.now = () => start + 21_000
    expect(following.check(token())).toBe('stale')
    expect(following.state()).toMatchObject({ revocation: 'stale' })
    // A clock that was set back.
    time.now = () => start - 60_000
    expect(following.check(token())).toBe('stale')
  })

  it('an old answer out of a cache adds what it says, but proves nothing about now', async context => {
    const { expect, feed, follow, asked } = await begin(context)
    const jti = randomUUID()
    feed.says(
      feed.sign({ iat: seconds() - 40 }),
      feed.sign({ ...STEP, iat: seconds() - 35, ids: idsOf(jti) }),
    )
    const following = follow()
    await asked(3)
    expect(following.check(token({ jti }))).toBe('revoked')
    expect(following.check(token())).toBe('stale')
  })

  it.for([
    ['refuse', 'revocations_stale'],
    ['accept', 'stale'],
  ] as const)('lets the verifier %s while it does not know', async ([onStale, expected], context) => {
    const { expect, feed, follow } = await begin(context)
    feed.says(status(500))
    const revocations = follow()
    const options = { issuer: feed.issuer, audience: AUDIENCE }
    const verifier = createVerifier({ ...options, revocations, onStale })
    const live = await signToken(feed.key, { iss: feed.issuer, aud: AUDIENCE, ...token() })
    const outcome = await verifier.verify(live).then(
      ({ revocation }) => revocation,
      (error: Readonly<{ code: string }>) => error.code,
    )
    expect(outcome).toBe(expected)
    const jti = randomUUID()
    feed.says(feed.sign({ ids: idsOf(jti) }))
    await revocations.ready()
    expect((await verifier.verify(live)).revocation).toBe('checked')
    const dead = await signToken(feed.key, { iss: feed.issuer, aud: AUDIENCE, ...token({ jti }) })
    await expect(verifier.verify(dead)).rejects.toMatchObject({ code: 'token_revoked' })
  })

  it('asks no more when it was closed', async context => {
    const { expect, feed, follow, asked } = await begin(context)
    const following = follow()
    await asked(1)
    const ready = following.ready()
    following.close()
    await expect(ready).rejects.toThrow('closed')
    feed.says(feed.sign())
    await new Promise(resolve => setImmediate(resolve))
    expect(feed.questions).toHaveLength(1)
  })

  it.each([
    { issuer: 'http://id.example' },
    { issuer: 'https://id.example', url: 'http://cdn.example/revocations' },
    { issuer: 'https://id.example', url: 'https://cdn.example/revocations?x=1' },
    { issuer: 'https://id.example', maxStaleSeconds: 4 },
    { issuer: 'https://id.example', maxEntries: 0 },
    { issuer: 'https://id.example', clockToleranceSeconds: -1 },
  ])('does not start with a fault in its options: %j', options => {
    expect(() => followRevocations(options)).toThrow(TypeError)
  })
})
