import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { guessDelayAfter } from '../../../src/domain/sign-in/guess-delay.ts'
import { createGuessFailures } from '../../../src/ephemeral/guess-failures.ts'
import { createGuessDelay } from '../../../src/flows/access/guess-delay.ts'
import { outcomeOf, signIn, signUp, trySignIn, trySignUp } from '../../support/accounts/account-api.ts'
import type { Answer } from '../../support/answer.ts'
import { times } from '../../support/ask.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'

const from = (ip: string) => ({ 'X-Forwarded-For': ip })
const attempt = (signet: Instance, email: string, headers: Record<string, string> = {}, password = 'wrong') =>
  signet.ask('/auth/login', { body: { email, password }, headers })
const deviceOf = ({ headers }: Answer) => ({ 'Signet-Device': headers.get('signet-device') ?? '' })

describe('the delay after failed sign-ins in a row', () => {
  it.each([
    [0, 0],
    [4, 0],
    [5, 1_000],
    [6, 2_000],
    [8, 8_000],
    [9, 10_000],
    [10_000, 10_000],
  ])('after %d failures is %d milliseconds', (failures, milliseconds) => {
    expect(guessDelayAfter(failures)).toBe(milliseconds)
  })

  it('lets at most a thousand attempts wait, and answers the next one with Retry-After', async () => {
    const failures = createGuessFailures(null)
    const started: (() => void)[] = []
    const guessDelay = createGuessDelay({
      failures,
      wait: () => new Promise<void>(resolve => started.push(resolve)),
    })
    const first = await guessDelay({ subject: 'a@b.example', device: null })
    await Promise.all(times(5).map(() => first.failed()))
    const held = times(1_000).map(() => guessDelay({ subject: 'a@b.example', device: null }))
    await expect.poll(() => started.length).toBe(1_000)
    await expect(guessDelay({ subject: 'a@b.example', device: null })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retry_after_seconds: 1,
    })
    for (const go of started) go()
    await Promise.all(held)
  })
})

describe.skipIf(!hasPostgres)('failed sign-ins in a row', () => {
  let deployment: Deployment
  let signet: Instance
  let waits: number[] = []
  const wait = async (milliseconds: number) => {
    waits.push(milliseconds)
  }
  beforeAll(async () => {
    deployment = await openDeployment([])
    signet = await deployment.start({ wait })
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })
  const waitsOf = async (use: () => Promise<unknown>) => {
    waits = []
    await use()
    return waits
  }
  const fail = async (email: string, count: number, headers: Record<string, string> = {}) => {
    for (let made = 0; made < count; made += 1) await attempt(signet, email, headers)
  }

  it('delay the account from the sixth failure on, up to ten seconds, whether the account exists or not', async () => {
    await signUp(signet, 'known@delay.example')
    for (const email of ['known@delay.example', 'unknown@delay.example']) {
      expect(await waitsOf(() => fail(email, 5))).toEqual([])
      expect(await waitsOf(() => fail(email, 6))).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    }
  })

  it('are counted for one account in every spelling of its e-mail, and for no other account', async () => {
    await fail('Spelt@Delay.example ', 5)
    expect(await waitsOf(() => fail('ｓpelt@delay.example', 1))).toEqual([1_000])
    expect(await waitsOf(() => fail('spelt2@delay.example', 1))).toEqual([])
  })

  it('never lock the account: the right password signs in and resets the count', async () => {
    await signUp(signet, 'victim@delay.example')
    await fail('victim@delay.example', 40)
    expect(await waitsOf(() => signIn(signet, 'victim@delay.example'))).toEqual([10_000])
    expect(await waitsOf(() => fail('victim@delay.example', 5))).toEqual([])
  })

  it('do not delay a device that has signed in before', async () => {
    const answer = await trySignUp(signet, 'device@delay.example')
    await fail('device@delay.example', 9)
    const known = deviceOf(answer)
    expect(
      await waitsOf(async () => {
        const again = await trySignIn(signet, 'device@delay.example', {}, known)
        expect(again.headers.get('signet-device')).toBe(known['Signet-Device'])
      }),
    ).toEqual([])
  })

  it('do not delay a browser that brings the device cookie, which no script can read', async () => {
    const cookie = { refresh_transport: 'cookie' }
    const answer = await trySignUp(signet, 'browser@delay.example', cookie)
    const device = answer.headers.getSetCookie().find(each => each.startsWith('signet-device='))
    expect(device).toMatch(
      /^signet-device=signet_dt_[\w-]{67}; Path=\/; Max-Age=15552000; HttpOnly; SameSite=Strict$/,
    )
    await fail('browser@delay.example', 9)
    const headers = { Cookie: device?.split(';')[0] ?? '' }
    expect(await waitsOf(() => signIn(signet, 'browser@delay.example', cookie, headers))).toEqual([])
  })

  it('are counted for each known device separately, so that a stolen device token guesses no faster', async () => {
    const known = deviceOf(await trySignUp(signet, 'stolen@delay.example'))
    expect(await waitsOf(() => fail('stolen@delay.example', 7, known))).toEqual([1_000, 2_000])
    // The holder of the device token delays no sign-in without it.
    expect(await waitsOf(() => signIn(signet, 'stolen@delay.example'))).toEqual([])
  })

  it.each(['', 'signet_dt_', `signet_dt_${'A'.repeat(67)}`, 'x'.repeat(5_000)])(
    'delay a made-up device token %#',
    async device => {
      await fail('forged@delay.example', 6)
      const headers = { 'Signet-Device': device }
      expect(await waitsOf(() => fail('forged@delay.example', 1, headers))).toHaveLength(1)
    },
  )

  it('delay a device of another account', async () => {
    const other = deviceOf(await trySignUp(signet, 'mine@delay.example'))
    await signUp(signet, 'theirs@delay.example')
    await fail('theirs@delay.example', 5)
    expect(await waitsOf(() => fail('theirs@delay.example', 1, other))).toEqual([1_000])
  })
})

describe.skipIf(!hasPostgres || !hasRedis)('the limits of sign-ins over two instances', () => {
  let deployment: Deployment
  let pair: readonly Instance[]
  let waits: number[] = []
  const wait = async (milliseconds: number) => {
    waits.push(milliseconds)
  }
  beforeAll(async () => {
    deployment = await openDeployment([])
    const one = await deployment.start({ environment: { RATE_LIMIT_LOGIN: '30/60' }, wait })
    pair = [one, await deployment.start({ environment: { RATE_LIMIT_LOGIN: '30/60' }, wait })]
  })
  afterAll(async () => {
    await Promise.all(pair.map(signet => signet.close()))
    await deployment.close()
  })

  it('allow no more than one instance would, and count every failure', async () => {
    const race = await Promise.all(
      times(20).flatMap(() => pair.map(signet => attempt(signet, 'raced@two.example', from('198.51.100.7')))),
    )
    expect(race.filter(each => each.status === 401)).toHaveLength(30)
    expect(race.filter(each => each.status === 429)).toHaveLength(10)
    for (const signet of pair) {
      waits = []
      expect(outcomeOf(await attempt(signet, 'raced@two.example', from('198.51.100.8')))).toBe(
        '401 AUTH_CREDENTIALS_INVALID',
      )
      expect(waits).toEqual([10_000])
    }
  })

  it('end the count at both instances when a sign-in succeeds at one', async () => {
    const [one, other] = pair
    if (one === undefined || other === undefined) throw new Error('this test needs two instances')
    await signUp(one, 'reset@two.example')
    await Promise.all(times(6).map(() => attempt(one, 'reset@two.example', from('198.51.100.9'))))
    await signIn(other, 'reset@two.example', {}, from('198.51.100.10'))
    waits = []
    await attempt(one, 'reset@two.example', from('198.51.100.10'))
    expect(waits).toEqual([])
  })
})
