import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALIVE, lives, signUp } from '../../support/accounts/account-api.ts'
import { newEmail } from '../../support/ask.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'
import { type ConsoleBrowser, openConsole } from '../../support/pages/console-browser.ts'

describe('the signing keys in the console', () => {
  let deployment: Deployment
  let signet: Instance
  let browser: ConsoleBrowser
  beforeAll(async () => {
    ;({ deployment, signet, browser } = await openConsole('signet:admin'))
  })
  afterAll(() => deployment.close())

  const published = async () => {
    const { keys } = (await signet.ask('/.well-known/jwks.json')).body as unknown as {
      keys: { kid: string }[]
    }
    return keys.map(({ kid }) => kid)
  }

  it('are announced and revoked after a question, and the page says by whom', async () => {
    const tokens = await signUp(signet, newEmail())
    const bystander = await signUp(signet, newEmail())
    const [first = ''] = await published()
    expect((await browser.confirm('/console/keys/rotate')).text).toContain('A new key is announced.')
    const next = (await published()).find(kid => kid !== first) ?? ''
    const again = await browser.confirm('/console/keys/rotate')
    expect([again.status, again.text.includes(`${next} is announced already`)]).toEqual([409, true])
    // Verifiers have not had the time to see it.
    expect((await browser.confirm(`/console/keys/${first}/retire`)).status).toBe(409)
    expect(await lives(signet, tokens)).toEqual(ALIVE)

    const asked = await browser.open(`/console/keys/${next}/revoke`)
    expect(asked.text).toMatch(/curl -X POST .*\/admin\/keys\/[\w-]+\/revoke/)
    const revoked = await browser.confirm(`/console/keys/${next}/revoke`)
    expect(revoked.text).toContain('The key is revoked.')
    expect(revoked.text).toMatch(/Changed last[\s\S]*key revoked[\s\S]*>person\d+@example\.com</)
    expect(await published()).toEqual([first])
    const found = await browser.open(`/console/find?q=${next}`)
    expect(found.text).toContain('A signing key was revoked')
    expect(await lives(signet, bystander)).toEqual(ALIVE)
  })
})
