import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVICE_CODE_SECONDS } from '../../../src/domain/authorization/device-code.ts'
import { type Post, startWithMail } from '../../support/accounts/mail.ts'
import { newEmail } from '../../support/ask.ts'
import {
  ageDevice,
  askForCodes,
  decideOn,
  meetPerson,
  TV,
  typeCode,
} from '../../support/authorization/devices.ts'
import { CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createPerson, fieldOf, headingOf } from '../../support/pages/person.ts'

const SCOPES = { write: { title: { en: 'Write <b>notes' }, optional: true, default: false } }

let deployment: Deployment
let post: Post
let signet: Instance
let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'signet-device-'))
  const SCOPES_FILE = join(directory, 'scopes.json')
  writeFileSync(SCOPES_FILE, JSON.stringify(SCOPES))
  deployment = await openDeployment([...CLIENTS, { ...TV, client_uri: 'https://tv.example/' }])
  const environment = { SCOPES_FILE, RATE_LIMIT_USER_CODES: 'off', RATE_LIMIT_DEVICE_REQUESTS: 'off' }
  post = await startWithMail(deployment, { environment })
  signet = post.signet
})
afterAll(async () => {
  await post.close()
  await deployment.close()
  rmSync(directory, { recursive: true, force: true })
})

const WRONG = 'This code is wrong or has expired'

describe('RFC 8628 §3.3 – the page of a device', () => {
  it('asks a stranger to sign in first, and then for the code', async () => {
    const [person, email] = [createPerson(signet), newEmail()]
    const signIn = await person.follow(await person.open('/device'))
    expect(headingOf(signIn)).toContain('Sign in')
    const page = await person.signUp(signIn, email)
    expect(headingOf(page)).toBe('Sign in a device')
    expect(fieldOf(page, 'user_code')).toBe('')
  })

  it('shows the application, address, device and time, asks the question, and ends at a page that can be reloaded', async () => {
    const [person, codes] = [await meetPerson(signet), await askForCodes(signet)]
    const page = await typeCode(person, codes.user_code)
    expect(headingOf(page)).toContain('Living Room')
    for (const shown of [
      '127.0.0.1',
      'UTC</time>',
      'tv.example',
      'Did somebody send you this code?',
      person.email,
    ])
      expect(page.text).toContain(shown)
    expect(page.text).toMatch(/name="decision" value="deny".*name="decision" value="allow"/s)
    const done = await person.allow(page)
    expect([done.status, done.location]).toEqual([303, '/device/allowed?ui_locales=en'])
    expect(headingOf(await person.follow(done))).toBe('Your device is signed in')
    expect((await signet.token(codes.form)).status).toBe(200)
  })

  it('reads a code whatever its case, spaces and hyphens', async () => {
    const [person, { user_code }] = [await meetPerson(signet), await askForCodes(signet)]
    for (const typed of [
      user_code.toLowerCase(),
      user_code.replace('-', ''),
      ` ${user_code.replace('-', '\u2013 ')}`,
    ])
      expect(headingOf(await typeCode(person, typed))).toContain('Living Room')
  })

  it.each(['', 'AAAA-AAAA', 'BCDF-GHJ', 'BCDF-GHJK-L', 'BCDFGHJK'])(
    'says that %j is no code',
    async typed => {
      const page = await typeCode(await meetPerson(signet), typed)
      expect([page.status, fieldOf(page, 'user_code')]).toEqual([422, typed])
      expect(page.text).toContain(WRONG)
      expect(page.text).toContain('role="alert"')
    },
  )

  it('shows the code of its address, and asks for the last four letters', async () => {
    const [person, { user_code }] = [await meetPerson(signet), await askForCodes(signet)]
    const page = await person.open(`/device?user_code=${user_code}`)
    expect(page.text).toContain(user_code)
    expect(page.text).toContain('Last four letters')
    expect(fieldOf(page, 'user_code')).toBe('')
    expect((await person.submit(page, { user_code: user_code.slice(0, 4) })).text).toContain(WRONG)
    expect((await person.submit(page, { decision: 'allow' })).text).toContain(WRONG)
    const decision = await person.submit(page, { user_code: user_code.slice(5).toLowerCase() })
    expect(headingOf(decision)).toContain('Living Room')
  })

  it('keeps the code of its address while the person signs in', async () => {
    const [person, { user_code }] = [createPerson(signet), await askForCodes(signet)]
    const signIn = await person.follow(await person.open(`/device?user_code=${user_code}`))
    const page = await person.signUp(signIn, newEmail())
    expect(page.text).toContain(user_code)
    const decision = await person.submit(page, { user_code: user_code.slice(5) })
    expect(headingOf(decision)).toContain('Living Room')
  })

  it('offers optional scopes as boxes, and grants what is ticked', async () => {
    const [person, codes] = [
      await meetPerson(signet),
      await askForCodes(signet, { scope: 'openid read write' }),
    ]
    const page = await typeCode(person, codes.user_code)
    expect(page.text).toContain('Write &#60;b&#62;notes')
    await person.allow(page)
    expect((await signet.token(codes.form)).body['scope']).toBe('openid read')
    const again = await askForCodes(signet, { scope: 'openid read write' })
    await person.submit(await typeCode(person, again.user_code), { decision: 'allow', scope: 'write' })
    expect((await signet.token(again.form)).body['scope']).toBe('openid read write')
  })

  it('asks also where everything was granted before, and withdrawal ends the device', async () => {
    const [person, codes] = [await meetPerson(signet), await askForCodes(signet)]
    await decideOn(person, codes.user_code, 'allow')
    const { body } = await signet.token(codes.form)
    const page = await typeCode(person, (await askForCodes(signet)).user_code)
    expect(page.text).toContain('Did somebody send you this code?')
    const { text } = await person.open('/account/applications')
    // The first form of the page signs out.
    const own = { text: text.slice(text.indexOf('action="/account/applications') - 20) }
    await person.submit({ ...page, ...own }, { withdraw: TV.client_id })
    const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token, client_id: TV.client_id }
    expect((await signet.token(form)).status).toBe(400)
  })

  it('lets nothing be decided twice, and says so', async () => {
    const [person, codes] = [await meetPerson(signet), await askForCodes(signet)]
    const page = await typeCode(person, codes.user_code)
    expect(headingOf(await person.follow(await person.deny(page)))).toBe('The device was not allowed')
    expect(headingOf(await person.follow(await person.allow(page)))).toBe('This code has expired')
    expect((await typeCode(person, codes.user_code)).text).toContain(WRONG)
    expect((await signet.token(codes.form)).body.error).toBe('access_denied')
  })

  it('refuses a code that expires before it is typed, and before the decision', async () => {
    const [person, late, later] = [
      await meetPerson(signet),
      await askForCodes(signet),
      await askForCodes(signet),
    ]
    const page = await typeCode(person, later.user_code)
    await ageDevice(deployment.database, late.user_code, DEVICE_CODE_SECONDS)
    await ageDevice(deployment.database, later.user_code, DEVICE_CODE_SECONDS)
    expect((await typeCode(person, late.user_code)).text).toContain(WRONG)
    expect(headingOf(await person.follow(await person.allow(page)))).toBe('This code has expired')
  })

  it('sends a mail to the person who allowed it, in the language of the page', async () => {
    const [person, codes] = [await meetPerson(signet), await askForCodes(signet)]
    await decideOn(person, codes.user_code, 'allow')
    const mail = await post.mailbox.mailTo(person.email, /You signed a device in/)
    expect(JSON.stringify(mail)).toContain('127.0.0.1')
  })
})

describe('RFC 8628 §5 – attacks on the page of a device', () => {
  it('refuses a form from another page, and one of another session', async () => {
    const [person, other, codes] = [
      await meetPerson(signet),
      await meetPerson(signet),
      await askForCodes(signet),
    ]
    const page = await typeCode(person, codes.user_code)
    const foreign = await person.submit(
      page,
      { decision: 'allow' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    )
    expect(foreign.status).toBe(403)
    expect((await other.submit(page, { decision: 'allow' })).status).toBe(400)
    const sealed = fieldOf(page, 'request') ?? ''
    const changed = { request: `${sealed.slice(0, -2)}AA`, decision: 'allow' }
    expect((await person.submit(page, changed)).status).toBe(400)
    expect((await signet.token(codes.form)).body.error).toBe('authorization_pending')
    expect(headingOf(await person.follow(await person.allow(page)))).toBe('Your device is signed in')
  })

  it('changes nothing by a GET', async () => {
    const [person, codes] = [await meetPerson(signet), await askForCodes(signet)]
    await person.open(`/device?user_code=${codes.user_code}&decision=allow`)
    expect((await signet.token(codes.form)).body.error).toBe('authorization_pending')
  })

  it('limits the codes that are typed, by address and by session', async () => {
    const strict = await deployment.start({ environment: { RATE_LIMIT_USER_CODES: '2/600' } })
    const [person, { user_code }] = [await meetPerson(strict), await askForCodes(strict)]
    const from = (ip: string) => ({ 'x-forwarded-for': ip })
    const page = await person.open('/device')
    const type = async (code: string, ip: string) =>
      (await person.submit(page, { user_code: code }, from(ip))).status
    expect(await type('BCDF-GHJK', '192.0.2.1')).toBe(422)
    expect(await type('BCDF-GHJK', '192.0.2.2')).toBe(422)
    expect(await type(user_code, '192.0.2.3')).toBe(429)
    const bystander = await meetPerson(strict)
    const theirs = await bystander.open('/device')
    expect((await bystander.submit(theirs, { user_code }, from('192.0.2.4'))).status).toBe(200)
    const many = await Promise.all(
      [1, 2, 3].map(async () => {
        const guesser = await meetPerson(strict)
        return (
          await guesser.submit(await guesser.open('/device'), { user_code: 'BCDF-GHJK' }, from('192.0.2.9'))
        ).status
      }),
    )
    expect(many.toSorted((one, other) => one - other)).toEqual([422, 422, 429])
    await strict.close()
  })
})

describe('RFC 8628 §3.1 – the device authorization endpoint', () => {
  it('answers with both codes, and may be read by pages of every origin', async () => {
    const headers = { origin: 'https://inspector.example' }
    const answer = await signet.post(
      '/device_authorization',
      { client_id: 'tv', scope: 'openid unknown' },
      headers,
    )
    expect(answer.status).toBe(200)
    const { user_code, device_code } = answer.body as Record<string, string>
    expect(answer.body).toEqual({
      device_code: expect.stringMatching(/^signet_dc_[\w-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${signet.issuer}/device`,
      verification_uri_complete: `${signet.issuer}/device?user_code=${user_code}`,
      expires_in: 600,
      interval: 5,
    })
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(JSON.stringify(signet.lines)).not.toContain(device_code)
  })

  it.each([
    ['a client without the grant', { client_id: 'app' }, 'unauthorized_client'],
    ['an unknown client', { client_id: 'nobody' }, 'invalid_client'],
    ['a scope of which nothing is left', { client_id: 'tv', scope: 'admin' }, 'invalid_scope'],
    ['a foreign resource', { client_id: 'tv', resource: 'https://else.example' }, 'invalid_target'],
  ])('refuses %s', async (_, form, error) => {
    expect((await signet.post('/device_authorization', form)).body.error).toBe(error)
  })

  it('limits what strangers ask for in the name of one client, by address', async () => {
    const strict = await deployment.start({ environment: { RATE_LIMIT_DEVICE_REQUESTS: '2/60' } })
    const ask = async (ip: string) =>
      (await strict.post('/device_authorization', { client_id: 'tv' }, {}, ip)).status
    expect([await ask('192.0.2.20'), await ask('192.0.2.20'), await ask('192.0.2.20')]).toEqual([
      200, 200, 429,
    ])
    expect(await ask('192.0.2.21')).toBe(200)
    await strict.close()
  })

  it('is named in the metadata, with its grant (§4)', async () => {
    const { body } = await signet.fetch('/.well-known/oauth-authorization-server')
    expect(body['device_authorization_endpoint']).toBe(`${signet.issuer}/device_authorization`)
    expect(body['grant_types_supported']).toContain('urn:ietf:params:oauth:grant-type:device_code')
  })
})
