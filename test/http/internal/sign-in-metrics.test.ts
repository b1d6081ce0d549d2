import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshTokens, signIn, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { askApp } from '../../support/bindings.ts'
import { type Deployment, type Instance, openEmbeddedDeployment } from '../../support/deployment.ts'

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

  it('count the attempts by what they came to', async () => {
    const before = await valuesOf('signet_sign_ins_total')
    expect(new Set(before.values())).toEqual(new Set([0]))
    await signUp(signet, 'ada@metrics.example')
    await signIn(signet, 'ada@metrics.example')
    await trySignIn(signet, 'ada@metrics.example', { password: 'a lantern for the desert' })
    await trySignIn(signet, 'unknown@metrics.example')
    await signet.ask('/auth/login', { body: { email: 'ada@metrics.example' } })
    const after = await valuesOf('signet_sign_ins_total')
    expect([...after].filter(([, count]) => count > 0)).toEqual([
      ['signed_in', 1],
      ['email_unknown', 1],
      ['password_wrong', 1],
    ])
  })

  it('count the sign-ins that were ended by their reason', async () => {
    const tokens = await signUp(signet, 'ended@metrics.example')
    await signIn(signet, 'ended@metrics.example')
    await signIn(signet, 'ended@metrics.example')
    await signet.ask('/auth/sessions', { method: 'DELETE', token: tokens.access_token })
    await refreshTokens(signet, tokens)
    await refreshTokens(signet, tokens)
    const other = await signUp(signet, 'out@metrics.example')
    await signet.ask('/auth/logout', { body: {}, token: other.access_token })
    await signet.ask('/auth/logout', { body: { refresh_token: other.refresh_token } })
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
