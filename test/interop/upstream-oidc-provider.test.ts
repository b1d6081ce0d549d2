import { createServer, type Server } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { freePort } from '../support/services/services.ts'
import { createVisitor, writeUpstreams } from '../support/upstream/upstreams.ts'

const SECRET = 'a secret of thirty-two characters or more'
const CALLBACK = 'http://localhost:8080/sign-in/upstream/peer'

/** oidc-provider as it comes: its own pages for the sign-in and the consent, `iss` in every answer, claims at the userinfo endpoint alone. */
const openPeer = async () => {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'signet', client_secret: SECRET, redirect_uris: [CALLBACK] }],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'peer' }] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    cookies: { keys: ['a key of the test'] },
    findAccount: (_: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@peer.example`, email_verified: true, name: `The ${sub}` }),
    }),
  })
  const answer = provider.callback()
  const server: Server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return { issuer, close }
}

/** A browser that fills in the pages of oidc-provider, until it is sent back. */
const signInAtPeer = async (address: string, login: string): Promise<string> => {
  const jar = new Map<string, string>()
  const send = async (url: string, body?: string) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie, ...(body === undefined ? {} : form) },
      ...(body === undefined ? {} : { method: 'POST', body }),
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.set(name, value)
    }
    return { location: answer.headers.get('location'), text: await answer.text() }
  }
  let at = { url: address, body: undefined as string | undefined }
  for (let steps = 0; steps < 12; steps++) {
    const { location, text } = await send(at.url, at.body)
    if (location?.startsWith(CALLBACK)) return location
    const next = location ?? /<form[^>]*action="([^"]+)"/.exec(text)?.[1] ?? ''
    const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1]
    const body = new URLSearchParams({ prompt: prompt ?? '', login, password: 'any' }).toString()
    at = { url: new URL(next, at.url).href, body: location === null ? body : undefined }
  }
  throw new Error('oidc-provider does not send the browser back')
}

describe('a sign-in at oidc-provider', () => {
  let peer: Awaited<ReturnType<typeof openPeer>>
  let deployment: Deployment
  let signet: Instance
  let upstreams: ReturnType<typeof writeUpstreams>
  beforeAll(async () => {
    peer = await openPeer()
    const { issuer } = peer
    const rights = { create_accounts: true, trust_email: true }
    upstreams = writeUpstreams([
      { id: 'peer', issuer, client_id: 'signet', client_secret: SECRET, label: 'Peer', ...rights },
    ])
    deployment = await openDeployment()
    signet = await deployment.start({ environment: upstreams.environment })
  })
  afterAll(async () => {
    await deployment.close()
    await peer.close()
    upstreams.remove()
  })

  it('takes the profile from its userinfo endpoint, and finds the person the next time', async () => {
    for (const _ of [1, 2]) {
      const visitor = createVisitor(signet)
      const back = await signInAtPeer(await visitor.leave('peer'), 'ada')
      expect(new URL(back).searchParams.get('iss')).toBe(peer.issuer)
      const account = await visitor.comeBack(back)
      expect(account.text).toContain('ada@peer.example')
      expect(account.text).toContain('The ada')
    }
  })
})
