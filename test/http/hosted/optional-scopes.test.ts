import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newEmail } from '../../support/ask.ts'
import { API, CLIENTS, OTHER_API } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  fieldOf,
  headingOf,
  type Person,
  queryOf,
  type Shown,
} from '../../support/pages/person.ts'

const CALLBACK = 'https://notes.example/cb'
const NOTES = {
  client_id: 'notes',
  client_name: 'Field Notes',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK, 'http://127.0.0.1/cb'],
  scope: 'openid profile offline_access read write share',
  audience: [API, OTHER_API],
}
const SCOPES = {
  read: { title: { en: 'Read your notes', de: 'Ihre Notizen lesen' } },
  write: {
    title: { en: 'Write <b>notes', de: 'Notizen schreiben' },
    description: 'Create and change them',
    optional: true,
  },
  share: { title: { en: 'Share your notes' }, optional: true, default: false },
  offline_access: { optional: true },
}

type Parameters = Readonly<Record<string, string | null>>
const asking = (more: Parameters = {}) =>
  queryOf({
    response_type: 'code',
    client_id: 'notes',
    redirect_uri: CALLBACK,
    scope: 'openid read write share',
    state: 's',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  })

let deployment: Deployment
let signet: Instance
let directory: string
let file: string
const put = (scopes: unknown) => writeFileSync(file, JSON.stringify(scopes))
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'signet-scopes-'))
  file = join(directory, 'scopes.json')
  put(SCOPES)
  deployment = await openDeployment([...CLIENTS, NOTES])
  signet = await deployment.start({ environment: { SCOPES_FILE: file } })
})
afterAll(async () => {
  await deployment.close()
  rmSync(directory, { recursive: true, force: true })
})
beforeEach(async () => {
  put(SCOPES)
  await signet.reload()
})

const isConsent = (shown: Shown) => headingOf(shown).startsWith('Allow ')
/** The boxes of a page: the scope, and whether it is ticked. */
const boxesOf = ({ text }: Shown) =>
  Object.fromEntries(
    [...text.matchAll(/<input type="checkbox"[^>]* name="scope" value="([^"]+)"( checked)?>/g)].map(
      ([, scope = '', checked]) => [scope, checked !== undefined],
    ),
  )

const arrived = async (more: Parameters = {}) => {
  const ada = createPerson(signet)
  const email = newEmail()
  const page = await ada.signUp(await ada.arrive(asking(more)), email)
  return { ada, email, page }
}

/** The form with these boxes ticked. */
const answer = (ada: Person, page: Shown, ticked: readonly string[], decision = 'allow') => {
  const body = new URLSearchParams({ request: fieldOf(page, 'request') ?? '', decision })
  for (const scope of ticked) body.append('scope', scope)
  return ada.post('/consent', body.toString(), {
    origin: signet.issuer,
    'sec-fetch-site': 'same-origin',
  })
}

const redeem = async (shown: Shown, more: Readonly<Record<string, string>> = {}) => {
  const { status, body } = await signet.token({
    grant_type: 'authorization_code',
    client_id: 'notes',
    redirect_uri: CALLBACK,
    code: answerOf(shown)['code'] ?? '',
    code_verifier: CODE_VERIFIER,
    ...more,
  })
  expect(status).toBe(200)
  return body
}
const scopeOf = async (shown: Shown) => (await redeem(shown))['scope']

const consentOf = async (email: string) => {
  const [row] = await deployment.database.sql<{ granted: readonly string[]; declined: readonly string[] }[]>`
    select c.granted, c.declined
    from consents c
    join users u on u.id = c.user_id
    where u.email = ${email}`
  return row
}

describe('SCOPES_FILE on the consent page', () => {
  it('has the words of the scopes, escaped, in the language of the page, and a box for what is optional', async () => {
    const { ada, page } = await arrived()
    expect(page.text).toContain('Read your notes')
    expect(page.text).toContain('Write &#60;b&#62;notes')
    expect(page.text).toContain('Create and change them')
    expect(boxesOf(page)).toEqual({ write: true, share: false })
    const german = await ada.arrive(asking({ ui_locales: 'de-CH' }))
    expect(german.text).toContain('Ihre Notizen lesen')
    expect(german.text).toContain('Share your notes')
  })

  it('says of which API the scopes are, and who asks', async () => {
    const { page } = await arrived({ resource: OTHER_API })
    expect(page.text).toContain(new URL(OTHER_API).host)
    expect(page.text).not.toContain(new URL(API).host)
    const { page: of } = await arrived({ scope: 'openid profile' })
    expect(of.text).not.toContain(new URL(API).host)
  })

  it('is read again on SIGHUP, and counts as it was while it has faults', async () => {
    put({ read: { title: 'Look at notes' } })
    await signet.reload()
    const { ada, page } = await arrived()
    expect([page.text.includes('Look at notes'), boxesOf(page)]).toEqual([true, {}])
    put({ read: { title: 'Look', optinal: true } })
    await expect(signet.reload()).rejects.toMatchObject({
      lines: [
        expect.stringMatching(
          /^SCOPES_FILE \S+, line 1: scope "read": optinal is not a member that Signet knows; did you mean optional\?$/,
        ),
      ],
    })
    expect((await ada.arrive(asking())).text).toContain('Look at notes')
  })
})

describe('optional scopes', () => {
  it('are granted as they are ticked: in the code, the token and the consent', async () => {
    const { ada, email, page } = await arrived()
    expect(await scopeOf(await answer(ada, page, ['share']))).toBe('openid read share')
    expect(await consentOf(email)).toEqual({
      granted: ['openid', `read ${API}`, `share ${API}`],
      declined: [`write ${API}`],
    })
  })

  it('that were left out are not asked for again, and not granted', async () => {
    const { ada, page } = await arrived()
    await answer(ada, page, ['write'])
    expect(await scopeOf(await ada.arrive(asking()))).toBe('openid read write')
    const silent = await ada.open(`/authorize?${asking({ prompt: 'none' })}`)
    expect(await scopeOf(silent)).toBe('openid read write')
  })

  it('that were left out can be allowed later: at prompt=consent, or where nothing else is asked for', async () => {
    const { ada, email, page } = await arrived()
    await answer(ada, page, [])
    const again = await ada.arrive(asking({ prompt: 'consent' }))
    expect(boxesOf(again)).toEqual({ write: false, share: false })
    expect(await scopeOf(await answer(ada, again, ['write']))).toBe('openid read write')
    const alone = await ada.arrive(asking({ scope: 'share' }))
    expect([isConsent(alone), boxesOf(alone)]).toEqual([true, { share: false }])
    expect(await scopeOf(await answer(ada, alone, ['share']))).toBe('share')
    expect((await consentOf(email))?.declined).toEqual([])
  })

  it('that were granted can be left out at prompt=consent, from then on', async () => {
    const { ada, page } = await arrived()
    await answer(ada, page, ['write', 'share'])
    const again = await ada.arrive(asking({ prompt: 'consent' }))
    expect(boxesOf(again)).toEqual({ write: true, share: true })
    expect(await scopeOf(await answer(ada, again, ['share']))).toBe('openid read share')
    expect(await scopeOf(await ada.arrive(asking()))).toBe('openid read share')
  })

  it('are asked for alone when they are new, beside what was granted before', async () => {
    const { ada, page } = await arrived({ scope: 'openid read write' })
    await answer(ada, page, ['write'])
    const more = await ada.arrive(asking())
    expect([isConsent(more), boxesOf(more)]).toEqual([true, { share: false }])
    expect(more.text.match(/granted before/g)).toHaveLength(3)
    expect(await scopeOf(await answer(ada, more, ['share']))).toBe('openid read write share')
  })

  it('have a box each time where a program on this computer is asked for each time', async () => {
    const native = { redirect_uri: 'http://127.0.0.1:7777/cb' }
    const { ada, page } = await arrived(native)
    expect(boxesOf(page)).toEqual({ write: true, share: false })
    await answer(ada, page, [])
    expect(boxesOf(await ada.arrive(asking(native)))).toEqual({ write: false, share: false })
  })

  it('may be everything that is asked for: without a tick the answer is access_denied, and nothing is remembered', async () => {
    const { ada, email, page } = await arrived({ scope: 'write share' })
    expect(answerOf(await answer(ada, page, []))).toMatchObject({ error: 'access_denied', state: 's' })
    expect(await consentOf(email)).toBeUndefined()
    expect(isConsent(await ada.arrive(asking({ scope: 'write share' })))).toBe(true)
  })

  it('may be offline_access: without it there is no refresh token', async () => {
    const offline = { scope: 'openid offline_access read' }
    const { ada, page } = await arrived(offline)
    expect(boxesOf(page)).toEqual({ offline_access: true })
    const body = await redeem(await answer(ada, page, []))
    expect([body['scope'], body['refresh_token']]).toEqual(['openid read', undefined])
  })

  it('are asked for again once the consent is withdrawn', async () => {
    const { ada, email, page } = await arrived()
    await answer(ada, page, ['write'])
    const account = await ada.open('/account/applications')
    expect(account.text).toContain('Write &#60;b&#62;notes')
    const form = /action="(\/account\/applications[^"]*)"[\s\S]*?name="request" value="([^"]+)"/.exec(
      account.text,
    )
    await ada.post(
      '/account/applications',
      { request: form?.[2] ?? '', withdraw: 'notes' },
      {
        origin: signet.issuer,
        'sec-fetch-site': 'same-origin',
      },
    )
    expect(await consentOf(email)).toEqual({ granted: [], declined: [] })
    expect(boxesOf(await ada.arrive(asking()))).toEqual({ write: true, share: false })
  })
})

describe('a consent form that was tampered with', () => {
  it.each([
    [['write', 'profile', 'offline_access', 'signet:admin'], 'openid read write'],
    [['write write', 'WRITE', 'write\u0000', ''], 'openid read'],
    [['write', 'write', 'write'], 'openid read write'],
    [['openid', 'read'], 'openid read'],
  ])('gets nothing from the scopes %j', async (ticked, scope) => {
    const { ada, email, page } = await arrived()
    expect(await scopeOf(await answer(ada, page, ticked))).toBe(scope)
    const granted = (await consentOf(email))?.granted.map(pair => pair.split(' ', 1).join())
    expect(granted?.toSorted()).toEqual(scope.split(' ').toSorted())
  })

  it('does not turn a box that the person left open into a scope: the page counts, not the file of later', async () => {
    const { ada, page } = await arrived()
    put({ ...SCOPES, write: { title: 'Write' }, share: { title: 'Share' } })
    await signet.reload()
    expect(await scopeOf(await answer(ada, page, []))).toBe('openid read')
    const again = await ada.arrive(asking())
    expect([isConsent(again), boxesOf(again)]).toEqual([true, {}])
  })

  it('is worth nothing with the request of another page of the flow', async () => {
    const ada = createPerson(signet)
    const email = newEmail()
    await ada.signUp(await ada.arrive(asking()), email)
    const chooser = await ada.arrive(asking({ prompt: 'select_account' }))
    const shown = await ada.follow(await answer(ada, chooser, ['write', 'share']))
    expect(shown.location).toBeNull()
    expect(await consentOf(email)).toBeUndefined()
  })

  it('is refused with any other field twice', async () => {
    const { ada, email, page } = await arrived()
    const request = fieldOf(page, 'request') ?? ''
    const twice = new URLSearchParams([
      ['request', request],
      ['decision', 'deny'],
      ['decision', 'allow'],
    ])
    const own = { origin: signet.issuer, 'sec-fetch-site': 'same-origin' }
    expect((await ada.post('/consent', twice.toString(), own)).status).toBe(400)
    expect(await consentOf(email)).toBeUndefined()
    expect((await ada.allow(page)).status).toBe(303)
  })

  it('of a second tab is the last answer, and counts from then on', async () => {
    const { ada, page } = await arrived()
    const tab = await ada.arrive(asking({ state: 'tab' }))
    expect(await scopeOf(await answer(ada, page, ['write', 'share']))).toBe('openid read write share')
    expect(await scopeOf(await answer(ada, tab, ['share']))).toBe('openid read share')
    expect(await scopeOf(await ada.arrive(asking()))).toBe('openid read share')
  })
})
