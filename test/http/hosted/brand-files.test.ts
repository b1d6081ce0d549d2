import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Deployment, type Instance, ISSUER, openEmbeddedDeployment } from '../../support/deployment.ts'

const LOGO = '<svg xmlns="http://www.w3.org/2000/svg"><style>*{fill:red}</style></svg>'

describe('the files of a brand', () => {
  let deployment: Deployment
  let directory: string
  let plain: Instance
  let branded: Instance
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment([])
    directory = mkdtempSync(join(tmpdir(), 'signet-brand-'))
    const file = join(directory, 'logo.svg')
    writeFileSync(file, LOGO)
    plain = await deployment.start()
    branded = await deployment.start({
      environment: { BRAND_NAME: 'Acme', BRAND_LOGO_FILE: file, BRAND_COLOR: '#087f5b' },
    })
  })
  afterAll(async () => {
    await plain.close()
    await branded.close()
    await deployment.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const fetch = (instance: Instance, path: string) => instance.listenable(new Request(`${ISSUER}${path}`))

  it('are an icon of the mark, and no logo, where none is set', async () => {
    const icon = await fetch(plain, '/favicon.ico')
    expect([icon.status, icon.headers.get('content-type')]).toEqual([200, 'image/svg+xml'])
    expect(await icon.text()).toContain('fill="#3b5bdb"')
    expect((await fetch(plain, '/brand/logo')).status).toBe(404)
  })

  it('are the logo where one is set, kept for good under its version alone', async () => {
    const page = await (await fetch(branded, '/confirm-email?token=x')).text()
    const [, source = ''] = /<img src="([^"]+)"/.exec(page) ?? []
    const logo = await fetch(branded, source)
    expect([logo.status, await logo.text()]).toEqual([200, LOGO])
    expect(logo.headers.get('cache-control')).toContain('immutable')
    expect((await fetch(branded, '/brand/logo?v=other')).headers.get('cache-control')).toBe('no-store')
    expect(await (await fetch(branded, '/favicon.ico')).text()).toBe(LOGO)
    expect(page).toContain('· Acme</title>')
    expect(page).toContain('--accent:#087f5b;')
  })

  it('run nothing when they are opened as a page', async () => {
    const { headers } = await fetch(branded, '/brand/logo')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; .*sandbox;/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('keep crawlers out', async () => {
    const robots = await fetch(plain, '/robots.txt')
    expect([robots.headers.get('content-type'), await robots.text()]).toEqual([
      'text/plain; charset=utf-8',
      'User-agent: *\nDisallow: /\n',
    ])
  })

  it('stop the start where the logo cannot be shown', async () => {
    writeFileSync(join(directory, 'broken.png'), 'no image')
    const environment = { BRAND_LOGO_FILE: join(directory, 'broken.png') }
    await expect(deployment.start({ environment })).rejects.toThrow('BRAND_LOGO_FILE must be an SVG')
  })
})
