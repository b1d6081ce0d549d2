import { describe, expect, it } from 'vitest'
import { openDeployment } from '../../support/deployment.ts'

describe('GET /', () => {
  it('is a page that leads to the reference, the metadata and the keys', async () => {
    const deployment = await openDeployment([])
    const signet = await deployment.start()
    const { status, text } = await signet.fetch('/')
    expect(status).toBe(200)
    expect(text).toContain('OAuth 2 authorization server')
    const links = [...text.matchAll(/href="(\/[^"]*)"/g)].map(([, link = '']) => link)
    for (const link of ['/docs', '/.well-known/oauth-authorization-server', '/.well-known/jwks.json'])
      expect(links).toContain(link)
    for (const link of links) expect((await signet.fetch(link)).status).toBe(200)
    await deployment.close()
  })
})
