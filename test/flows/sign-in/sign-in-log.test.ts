import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sidOf, trySignUp } from '../../support/accounts/account-api.ts'
import type { Answer } from '../../support/answer.ts'
import { PASSWORD } from '../../support/ask.ts'
import { API, CLIENTS } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { refresh } from '../../support/refresh.ts'

describe.each(deployments)('the log of sign-ins ($name)', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open(CLIENTS)
    signet = await deployment.start({ wait: async () => {} })
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })

  /** What the line of this very request says. */
  const lineOf = (answer: Pick<Answer, 'headers'>) =>
    signet.lines.find(
      line => line.message === 'request' && line['request_id'] === answer.headers.get('x-request-id'),
    )
  const post = (path: string, body: object, token?: string) =>
    signet.ask(path, { method: 'POST', body, ...(token === undefined ? {} : { token }) })
  const me = (server: Instance, token: string) => server.ask('/auth/me', { token })
  const person = (name: string) => ({ email: `${name}@log.example`, password: PASSWORD, client_id: 'app' })
  const register = async (name: string) => {
    const answer = await post('/auth/register', { ...person(name), resource: signet.issuer })
    const { body } = answer
    return { answer, ...body, about: { sub: body.user.id, sid: sidOf(body), client_id: 'app' } }
  }

  it('names account, sign-in and client of a registration, a sign-in, a refresh and a sign-out', async () => {
    const ada = await register('ada')
    expect(lineOf(ada.answer)).toMatchObject({ status: 201, ...ada.about })
    const signedIn = await post('/auth/login', { ...person('ada'), resource: signet.issuer })
    const tokens = signedIn.body
    const about = { ...ada.about, sid: sidOf(tokens) }
    expect(lineOf(signedIn)).toMatchObject({ status: 200, ...about })
    expect(lineOf(await me(signet, tokens.access_token))).toMatchObject(about)
    const refreshed = await post('/auth/refresh', { refresh_token: tokens.refresh_token })
    expect(lineOf(refreshed)).toMatchObject({ status: 200, ...about })
    const atToken = await refresh(signet, refreshed.body.refresh_token)
    expect(lineOf(atToken)).toMatchObject({ status: 200, grant_type: 'refresh_token', ...about })
    const out = await post('/auth/logout', { refresh_token: atToken.body.refresh_token })
    expect(lineOf(out)).toMatchObject({ status: 204, ...about })
    const late = await post('/auth/refresh', { refresh_token: atToken.body.refresh_token })
    expect(lineOf(late)).toMatchObject({ status: 401, reason: 'refresh_revoked', ...about })
    const dead = await me(signet, tokens.access_token)
    expect(lineOf(dead)).toMatchObject({ status: 401, reason: 'revoked', ...about })
  })

  it('names account and sign-in of a revocation, and of a change that was refused', async () => {
    const { about, ...tokens } = await register('revoker')
    const refused = await post('/auth/password', { new_password: 'short' }, tokens.access_token)
    expect(lineOf(refused)).toMatchObject({ status: 422, error: 'FIELDS_INVALID', ...about })
    const revoked = await signet.post('/revoke', { token: tokens.access_token, client_id: 'app' })
    expect(lineOf(revoked)).toMatchObject({ status: 200, ...about })
    const ended = await signet.post('/revoke', { token: tokens.refresh_token, client_id: 'app' })
    expect(lineOf(ended)).toMatchObject({ status: 200, ...about })
    const again = await signet.post('/revoke', { token: tokens.refresh_token, client_id: 'app' })
    expect(lineOf(again)).toMatchObject({ status: 200, ...about })
  })

  it('names account, sign-in and request in the alert of a reused token', async () => {
    const { about, refresh_token } = await register('reused')
    await refresh(signet, refresh_token)
    const reused = await refresh(signet, refresh_token)
    const line = { reason: 'refresh_reused', request_id: reused.headers.get('x-request-id'), ...about }
    expect(lineOf(reused)).toMatchObject({ status: 400, ...line })
    const alerts = signet.lines.filter(
      ({ event, sid }) => event === 'refresh_token_alert' && sid === about.sid,
    )
    expect(alerts).toEqual([expect.objectContaining({ ...line, level: 'warn' })])
  })

  it('names the account of a failed sign-in where it exists, and never the e-mail that was typed', async () => {
    const { about } = await register('failing')
    const wrong = await post('/auth/login', { ...person('failing'), password: 'a lantern for the desert' })
    expect(lineOf(wrong)).toMatchObject({
      status: 401,
      reason: 'password_wrong',
      sub: about.sub,
      client_id: 'app',
    })
    const unknown = await post('/auth/login', person('nobody-has-this'))
    expect(lineOf(unknown)).toMatchObject({ status: 401, reason: 'email_unknown', client_id: 'app' })
    expect(lineOf(unknown)).not.toHaveProperty('sub')
    expect(JSON.stringify(signet.lines)).not.toContain('log.example')
  })

  it('names account and sign-in of an access token that has expired, or is for another audience', async () => {
    const { about, ...tokens } = await register('expired')
    const { clock, advance } = createClock()
    const later = await deployment.start({ clock })
    advance(901)
    const expired = await me(later, tokens.access_token)
    const line = later.lines.find(({ request_id }) => request_id === expired.headers.get('x-request-id'))
    expect(line).toMatchObject({ error: 'AUTH_TOKEN_EXPIRED', ...about })
    const other = await refresh(signet, tokens.refresh_token, { form: { resource: API } })
    const foreign = await me(signet, other.body.access_token)
    expect(lineOf(foreign)).toMatchObject({ reason: 'foreign_audience', ...about })
  })

  it('has no line for a health probe', async () => {
    for (const path of ['/livez', '/readyz']) expect(lineOf(await signet.fetch(path))).toBeUndefined()
    expect(lineOf(await signet.fetch('/.well-known/jwks.json'))).toMatchObject({ status: 200 })
  })
})

describe('a mail that could not be sent', () => {
  it('has the request that caused it, and its sign-in, in the log', async () => {
    const [{ open } = { open: null }] = deployments
    if (open === null) throw new Error('there is no way to deploy')
    const deployment = await open([])
    const printMail = () => {
      throw new Error('no screen')
    }
    const signet = await deployment.start({ printMail })
    const { headers, body } = await trySignUp(signet, 'mailed@log.example')
    const mails = () =>
      signet.lines.filter(line => line['event'] === 'mail' && line['mail'] === 'verify-email')
    await expect.poll(() => mails().length, { timeout: 10_000 }).toBeGreaterThan(0)
    expect(mails()[0]).toMatchObject({
      request_id: headers.get('x-request-id'),
      sub: body.user.id,
      sid: sidOf(body),
      client_id: 'first-party',
    })
    await signet.close()
    await deployment.close()
  })
})
