import { randomUUID } from 'node:crypto'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createAccountAdministration } from '../../../src/store/accounts/account-administration.ts'
import { outcomeOf, signIn, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { newLine } from '../../support/accounts/account-lines.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { askApp } from '../../support/bindings.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { LIFETIMES } from '../../support/families.ts'
import { createCookieBrowser } from '../../support/pages/cookie-browser.ts'
import { type HookReceiver, openHookReceiver, replying } from '../../support/services/hook-receiver.ts'

const WRONG = '401 AUTH_CREDENTIALS_INVALID'
const yes = replying('{"valid":true}')
const no = replying('{"valid":false}')

describe('PASSWORD_HOOK_URL', () => {
  let former: HookReceiver
  let deployment: Deployment
  let signet: Instance
  let other: Instance
  beforeAll(async () => {
    former = await openHookReceiver()
    deployment = await openDeployment()
    const environment = hook()
    signet = await deployment.start({ environment })
    other = await deployment.start({ environment })
  })
  afterAll(async () => {
    await deployment.close()
    await former.close()
  })
  beforeEach(() => {
    former.answerWith(yes)
    former.questions()
  })

  const hook = () => ({
    PASSWORD_HOOK_URL: former.url,
    PASSWORD_HOOK_UNTIL: '2100-01-01',
    OUTBOUND_ALLOW: '127.0.0.1',
    INTERNAL_PORT: '9090',
  })
  const sql = () => deployment.database.sql
  let imports = 0
  /** An account as an import without a digest makes it. */
  const imported = async (more: Readonly<{ disabled?: true; isUnmarked?: true }> = {}) => {
    const account = { id: randomUUID(), email: newEmail(), external_id: `us-east-1_${(imports += 1)}` }
    await createAccountAdministration(deployment.database, LIFETIMES).create(
      newLine({
        ...account,
        external_id: more.isUnmarked ? null : account.external_id,
        disabled: more.disabled ?? false,
      }),
    )
    return account
  }
  const digestOf = async (email: string): Promise<unknown> => {
    const [row] = await sql()`select password_digest from users where email = ${email}`
    return row?.['password_digest']
  }
  const metricOf = async (outcome: string) => {
    if (signet.internalApp === null) throw new Error('the internal listener is off')
    const text = await (await askApp(signet.internalApp, '/metrics')).text()
    const [, count] = new RegExp(`password_hook_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text) ?? []
    return Number(count)
  }

  it('is asked once in the life of an imported account, whose password is then here', async () => {
    const { id, email, external_id } = await imported()
    const accepted = await metricOf('accepted')
    await signIn(signet, email)
    expect(former.questions()).toEqual([
      { hook: 'password', email, password: PASSWORD, sub: id, external_id },
    ])
    expect(await metricOf('accepted')).toBe(accepted + 1)
    former.answerWith(no)
    await signIn(other, email)
    expect(outcomeOf(await trySignIn(signet, email, { password: 'another one' }))).toBe(WRONG)
    expect(former.questions()).toEqual([])
  })

  it('hears the password as it was typed, and the account keeps its usual form', async () => {
    const { email } = await imported()
    const typed = 'cafe\u0301 au lait'
    await signIn(signet, email, { password: typed })
    expect(former.questions()).toMatchObject([{ password: typed }])
    await signIn(signet, email, { password: typed.normalize('NFC') })
  })

  it('refuses a wrong password as any other one, and lets the right one in afterwards', async () => {
    const { email } = await imported()
    former.answerWith(no)
    const refused = await trySignIn(signet, email)
    const unknown = await trySignIn(signet, newEmail())
    expect([outcomeOf(refused), refused.text]).toEqual([WRONG, unknown.text])
    expect(await digestOf(email)).toBeNull()
    former.answerWith(yes)
    await signIn(signet, email)
  })

  it('is asked for no one else: not for unknown e-mails, accounts with a password, of no import, or disabled', async () => {
    const own = newEmail()
    await signUp(signet, own)
    const [unmarked, disabled] = [await imported({ isUnmarked: true }), await imported({ disabled: true })]
    for (const email of [newEmail(), own, unmarked.email, disabled.email, 'no e-mail'])
      expect(outcomeOf(await trySignIn(signet, email, { password: 'wrong password' }))).toBe(WRONG)
    const { email } = await imported()
    for (const password of ['', 'x'.repeat(4_097)])
      expect(outcomeOf(await trySignIn(signet, email, { password }))).toBe(WRONG)
    expect(former.questions()).toEqual([])
  })

  it('stores one digest when two instances sign a person in at once', async () => {
    const { email } = await imported()
    const answers = await Promise.all([signet, other, signet, other].map(each => trySignIn(each, email)))
    expect(answers.map(outcomeOf)).toEqual(['200', '200', '200', '200'])
    expect(await digestOf(email)).toMatch(/^\$2b\$/)
  })

  it('never replaces a password that the person has set meanwhile', async () => {
    const { email, id } = await imported()
    former.answerWith((request, response) => {
      const reset = async () => {
        await sql()`update users set password_digest = ${hashSync('set meanwhile', 4)} where id = ${id}`
        yes(request, response)
      }
      void reset()
    })
    expect(outcomeOf(await trySignIn(signet, email))).toBe(WRONG)
    await signIn(signet, email, { password: 'set meanwhile' })
  })

  it('stores no password for an account that was disabled meanwhile', async () => {
    const { email, id } = await imported()
    former.answerWith((request, response) => {
      const disable = async () => {
        await sql()`update users set disabled_at = now() where id = ${id}`
        yes(request, response)
      }
      void disable()
    })
    expect(outcomeOf(await trySignIn(signet, email))).toBe(WRONG)
    expect(await digestOf(email)).toBeNull()
  })

  it.each([
    ['an error', replying('{}', 500)],
    ['no verdict', replying('{"valid":"yes"}')],
    [
      'members that are nested too deep',
      replying(`{"valid":true,"name":${'['.repeat(8_000)}${']'.repeat(8_000)}}`),
    ],
    ['a connection that breaks', (request: { destroy: () => void }) => request.destroy()],
  ] as const)('answers 503, and calls no password wrong, after %s', async (_name, answer) => {
    const { email } = await imported()
    const bystander = await imported()
    former.answerWith(answer)
    const unanswered = await metricOf('unanswered')
    // More than the failures after which guesses are delayed: none of them counts as one.
    for (let tries = 0; tries < 6; tries += 1) {
      const refused = await trySignIn(signet, email)
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    }
    expect(await metricOf('unanswered')).toBe(unanswered + 6)
    expect(signet.lines).toContainEqual(
      expect.objectContaining({ event: 'password_hook', sub: expect.any(String) }),
    )
    expect(JSON.stringify(signet.lines)).not.toContain(PASSWORD)
    former.answerWith(yes)
    await signIn(signet, email)
    await signIn(other, bystander.email)
  })

  it('asks again for a right password that bcrypt cannot hold', async () => {
    const { email } = await imported()
    const password = 'lantern '.repeat(10)
    await signIn(signet, email, { password })
    expect(await digestOf(email)).toBeNull()
    await signIn(signet, email, { password })
    expect(former.questions()).toHaveLength(2)
  })

  it('signs in on the pages too', async () => {
    const { email } = await imported()
    const browser = createCookieBrowser(signet)
    former.answerWith(no)
    expect((await browser.signIn(email)).status).toBe(401)
    former.answerWith(yes)
    expect((await browser.signIn(email)).headers.get('location')).toBe('/account')
    expect(await digestOf(email)).toMatch(/^\$2b\$/)
  })

  it('is not asked from PASSWORD_HOOK_UNTIL on, and to the second before', async () => {
    const { clock, advance } = createClock(new Date('2099-12-31T23:59:59Z'))
    const late = await deployment.start({ environment: hook(), clock })
    const [first, second] = [await imported(), await imported()]
    former.answerWith(no)
    expect(outcomeOf(await trySignIn(late, first.email))).toBe(WRONG)
    advance(1)
    expect(outcomeOf(await trySignIn(late, second.email))).toBe(WRONG)
    expect(former.questions()).toMatchObject([{ email: first.email }])
    await late.close()
  })

  it('makes every refusal take the time of its own, also where the clock is set back meanwhile', async () => {
    const { clock, advance } = createClock()
    const waits: number[] = []
    const timed = await deployment.start({
      environment: hook(),
      clock,
      wait: async milliseconds => void waits.push(milliseconds),
    })
    const own = newEmail()
    await signUp(timed, own)
    const { email } = await imported()
    former.answerWith((request, response) => {
      advance(-3600)
      no(request, response)
    })
    expect(outcomeOf(await trySignIn(timed, email))).toBe(WRONG)
    waits.splice(0)
    for (const each of [newEmail(), own])
      expect(outcomeOf(await trySignIn(timed, each, { password: 'wrong password' }))).toBe(WRONG)
    const held = waits.filter(each => Number.isInteger(Math.log2(each)))
    expect(held).toEqual([held[0], held[0]])
    await timed.close()
  })

  describe('with PASSWORD_HOOK_FOR=everyone', () => {
    let open: Instance
    let beside: Instance
    beforeAll(async () => {
      const environment = { ...hook(), PASSWORD_HOOK_FOR: 'everyone' }
      open = await deployment.start({ environment })
      beside = await deployment.start({ environment })
    })
    const describing = (members: object) => replying(JSON.stringify({ valid: true, ...members }))

    it('makes the account that the former provider describes', async () => {
      const email = newEmail()
      former.answerWith(
        describing({
          external_id: 'old|7',
          email_verified: true,
          name: 'Ada',
          email: 'other@people.example',
        }),
      )
      const { user } = await signIn(open, ` ${email.toUpperCase()}`)
      expect(user).toMatchObject({ email, email_verified: true, roles: ['user'] })
      expect(former.questions()).toEqual([
        { hook: 'password', email, password: PASSWORD, sub: null, external_id: null },
      ])
      await signIn(signet, email)
      const rows = await sql()`select name, external_id from users where email = ${email}`
      expect(rows[0]).toEqual({ name: 'Ada', external_id: 'old|7' })
    })

    it('gives no role that administers the server', async () => {
      former.answerWith(describing({ roles: ['signet:admin', 'editor', 'signet:viewer'] }))
      expect((await signIn(open, newEmail())).user.roles).toEqual(['editor'])
    })

    it('makes one account when two instances are asked at once', async () => {
      const email = newEmail()
      const answers = await Promise.all([open, beside].map(each => trySignIn(each, email)))
      expect(answers.map(outcomeOf)).toEqual(['200', '200'])
      expect(new Set(answers.map(({ body }) => body.user.id)).size).toBe(1)
    })

    it('makes none after a no, for members that no account has, and for an id that another account has', async () => {
      const { external_id } = await imported()
      const email = newEmail()
      former.answerWith(no)
      expect(outcomeOf(await trySignIn(open, email))).toBe(WRONG)
      former.answerWith(describing({ roles: 'admin' }))
      expect((await trySignIn(open, email)).status).toBe(503)
      former.answerWith(describing({ external_id }))
      expect(outcomeOf(await trySignIn(open, email))).toBe(WRONG)
      expect(await digestOf(email)).toBeUndefined()
    })
  })
})
