import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bearerOf, register, send } from '../../support/accounts/account-api.ts'
import { askApp } from '../../support/bindings.ts'
import { type Deployment, type Instance, openEmbeddedDeployment } from '../../support/deployment.ts'

const PASSWORD = 'a lantern for the harbour'

describe('the metrics of sign-ins', () => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment([])
    signet = await deployment.start({ wait: async () => {} })
  })
  afterAll(() => deployment.close())

  const scrape = async () => {
    if (signet.internalApp === null) throw new Error('there is no internal listener')
    return (await askApp(signet.internalApp, '/metrics')).text()
  }
  const valuesOf = async (name: string) => {
    const series = (await scrape()).matchAll(new RegExp(`^${name}\\{\\w+="(\\w+)"\\} (\\d+)$`, 'gm'))
    return new Map([...series].map(([, label = '', value]) => [label, Number(value)]))
  }
  const post = (path: string, body: object, headers = {}) => send(signet, 'POST', path, body, headers)
  const login = (email: string, password = PASSWORD) => post('/auth/login', { email, password })

  it('count the attempts by what they came to', async () => {
    const before = await valuesOf('signet_sign_ins_total')
    expect(new Set(before.values())).toEqual(new Set([0]))
    await register(signet, 'ada@metrics.example')
    await login('ada@metrics.example')
    await login('ada@metrics.example', 'a lantern for the desert')
    await login('unknown@metrics.example')
    await post('/auth/login', { email: 'ada@metrics.example' })
    const after = await valuesOf('signet_sign_ins_total')
    expect([...after].filter(([, count]) => count > 0)).toEqual([
      ['signed_in', 1],
      ['email_unknown', 1],
      ['password_wrong', 1],
    ])
  })

  it('count the sign-ins that were ended by their reason', async () => {
    const { tokens, bearer } = await register(signet, 'ended@metrics.example')
    await login('ended@metrics.example')
    await login('ended@metrics.example')
    await send(signet, 'DELETE', '/auth/sessions', undefined, bearer)
    await post('/auth/refresh', { refresh_token: tokens.refresh_token })
    await post('/auth/refresh', { refresh_token: tokens.refresh_token })
    const other = await register(signet, 'out@metrics.example')
    await post('/auth/logout', {}, bearerOf(other.tokens))
    await post('/auth/logout', { refresh_token: other.tokens.refresh_token })
    const ended = await valuesOf('signet_sign_ins_ended_total')
    expect([...ended].filter(([, count]) => count > 0)).toEqual([
      ['signed_out', 1],
      ['signed_out_elsewhere', 2],
      ['reuse', 1],
    ])
  })

  it('are scraped without a line in the log', async () => {
    const before = signet.lines.length
    await scrape()
    expect(signet.lines.slice(before)).toEqual([])
  })
})
