import { hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { newEmail } from '../../support/ask.ts'
import { serveAt } from '../../support/authorization/person.ts'
import { askApp } from '../../support/bindings.ts'
import { API, CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { CODE_CHALLENGE, createPerson, headingOf, queryOf, type Shown } from '../../support/pages/person.ts'
import { freePort } from '../../support/services/services.ts'

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const GIF = Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAA=', 'base64')
const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16])
const WEBP = Buffer.from('RIFF\x0a\x00\x00\x00WEBPVP8 ', 'latin1')
const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')

type Answer = (response: ServerResponse) => void
const image =
  (bytes: Uint8Array, type = 'image/png'): Answer =>
  response =>
    void response.setHeader('content-type', type).end(bytes)

/** By the path of the logo. */
const ANSWERS: Record<string, Answer> = {
  '/png': image(PNG),
  '/gif': image(GIF, 'text/html'),
  '/jpeg': image(JPEG),
  '/webp': image(WEBP),
  '/changing': image(PNG),
  '/shared': image(PNG),
  '/flaky': response => void response.writeHead(500).end(PNG),
  '/svg': image(SVG, 'image/svg+xml'),
  '/html': image(Buffer.from('<!doctype html><script>alert(1)</script>')),
  '/empty': image(Buffer.alloc(0)),
  '/large': image(Buffer.concat([PNG, Buffer.alloc(262_145 - PNG.length)])),
  '/largest': image(Buffer.concat([PNG, Buffer.alloc(262_144 - PNG.length)])),
  '/missing': response => void response.writeHead(404).end(PNG),
  '/elsewhere': response => void response.writeHead(302, { location: '/png' }).end(),
  '/silent': () => {},
}

let deployment: Deployment
let signet: Instance
let origin: string
let closeServer: () => Promise<void>
const asked: string[] = []
const environment = { OUTBOUND_ALLOW: '127.0.0.1/32' }
beforeAll(async () => {
  const port = await freePort()
  origin = `http://127.0.0.1:${port}`
  closeServer = await serveAt(port, ({ url = '' }, response) => {
    asked.push(url)
    ANSWERS[url]?.(response)
  })
  const clients = Object.keys(ANSWERS).map(path => ({
    client_id: path.slice(1),
    client_name: `${path.slice(1)} application`,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
    redirect_uris: ['https://app.example/cb'],
    logo_uri: `${origin}${path}`,
    scope: 'openid read',
    audience: [API],
  }))
  deployment = await openDeployment([...CLIENTS, ...clients])
  signet = await deployment.start({ environment })
})
afterAll(async () => {
  await closeServer()
  await deployment.close()
})
beforeEach(() => {
  asked.length = 0
})

const query = (client_id: string) =>
  queryOf({
    response_type: 'code',
    client_id,
    redirect_uri: 'https://app.example/cb',
    scope: 'openid read',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
  })
/** A person who has signed in, and the consent page of any application. */
const createVisitor = async (instance = signet) => {
  const ada = createPerson(instance)
  await ada.signUp(await ada.arrive(query('silent')), newEmail())
  return async (client_id: string) => {
    const page = await ada.arrive(query(client_id))
    expect(headingOf(page)).toContain('Allow ')
    return page
  }
}
const logoIn = ({ text }: Shown): string | null => /<img src="(\/logo\/[^"]+)"/.exec(text)?.[1] ?? null
const hexOf = (bytes: Uint8Array) => hash('sha256', bytes, 'hex')
const rowOf = async (path: string) => {
  const [row] = await deployment.database.sql<{ failures: number; isDue: boolean }[]>`
    select failures, due_at <= now() as "isDue"
    from client_logos
    where uri_digest = ${hash('sha256', `${origin}${path}`, 'buffer')}`
  return row
}
const makeDue = (path: string) => deployment.database.sql`
  update client_logos set due_at = now() where uri_digest = ${hash('sha256', `${origin}${path}`, 'buffer')}`
const isShown = (visit: (client_id: string) => Promise<Shown>, client_id: string) =>
  vi.waitFor(
    async () => {
      const logo = logoIn(await visit(client_id))
      expect(logo).not.toBeNull()
      return logo ?? ''
    },
    { timeout: 15_000 },
  )
const isRefused = (path: string) =>
  vi.waitFor(async () => expect((await rowOf(path))?.failures).toBe(1), { timeout: 15_000 })

describe('the logo of an application', () => {
  it.each([
    ['png', PNG, 'image/png'],
    ['gif', GIF, 'image/gif'],
    ['jpeg', JPEG, 'image/jpeg'],
    ['webp', WEBP, 'image/webp'],
  ])('is the %s that this server has fetched, at an address of this server', async (name, bytes, type) => {
    const visit = await createVisitor()
    const path = await isShown(visit, name)
    expect(path).toBe(`/logo/${hexOf(bytes)}`)
    const answer = await askApp(signet.app, path)
    expect([answer.status, hexOf(new Uint8Array(await answer.arrayBuffer()))]).toEqual([200, hexOf(bytes)])
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': type,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
      'cache-control': 'public, max-age=31536000, immutable',
      'cross-origin-resource-policy': 'same-origin',
    })
    const page = await visit(name)
    expect(page.text).not.toContain(origin)
    expect(page.headers.get('content-security-policy')).toContain("img-src 'self';")
    expect(asked.filter(url => url === `/${name}`)).toHaveLength(1)
  })

  it('is fetched once, by one of two instances, however many pages show it', async () => {
    const other = await deployment.start({ environment })
    const visitors = await Promise.all([createVisitor(), createVisitor(other)])
    const [one, another] = visitors
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : another)('shared')))
    expect(await isShown(one, 'shared')).toBe(await isShown(another, 'shared'))
    expect(asked.filter(url => url === '/shared')).toHaveLength(1)
    await other.close()
  })

  it('is fetched again when it is a day old, and has another address when it is another one', async () => {
    const visit = await createVisitor()
    const before = await isShown(visit, 'changing')
    const waiting: ServerResponse[] = []
    ANSWERS['/changing'] = response => void waiting.push(response)
    await visit('changing')
    expect(await rowOf('/changing')).toEqual({ failures: 0, isDue: false })
    await makeDue('/changing')
    expect(logoIn(await visit('changing'))).toBe(before)
    await vi.waitFor(() => expect(waiting).toHaveLength(1), { timeout: 15_000 })
    for (const response of waiting) image(GIF)(response)
    await vi.waitFor(async () => expect(logoIn(await visit('changing'))).toBe(`/logo/${hexOf(GIF)}`), {
      timeout: 15_000,
    })
    expect(asked.filter(url => url === '/changing')).toHaveLength(2)
    expect((await signet.ask(`/logo/${hexOf(GIF)}`)).status).toBe(200)
  })

  it('is tried again after a pause when it could not be fetched', async () => {
    const visit = await createVisitor()
    await visit('flaky')
    await isRefused('/flaky')
    await visit('flaky')
    expect([await rowOf('/flaky'), asked.filter(url => url === '/flaky').length]).toEqual([
      { failures: 1, isDue: false },
      1,
    ])
    ANSWERS['/flaky'] = image(PNG)
    await makeDue('/flaky')
    await isShown(visit, 'flaky')
    expect(await rowOf('/flaky')).toEqual({ failures: 0, isDue: false })
  })

  it('that never arrives holds up no page, and no other logo', async () => {
    const visit = await createVisitor()
    const page = await visit('silent')
    expect([logoIn(page), page.text.includes('<span>S</span>')]).toEqual([null, true])
    await isShown(visit, 'largest')
  })

  it.each(['svg', 'html', 'empty', 'large', 'missing', 'elsewhere'])(
    'is not taken from an answer that is %s',
    async name => {
      const visit = await createVisitor()
      await visit(name)
      await isRefused(`/${name}`)
      const page = await visit(name)
      expect([logoIn(page), page.text.includes(`<span>${name[0]?.toUpperCase()}</span>`)]).toEqual([
        null,
        true,
      ])
      expect((await signet.ask(`/logo/${hexOf(SVG)}`)).status).toBe(404)
      expect(signet.lines).toContainEqual(
        expect.objectContaining({ level: 'warn', client_id: name, error: expect.any(String) }),
      )
    },
  )

  it('is not asked for at an internal address that the operator does not allow', async () => {
    const [careful, client_id] = [await deployment.start(), 'png']
    await deployment.database.sql`delete from client_logos`
    const visit = await createVisitor(careful)
    await visit(client_id)
    await isRefused('/png')
    expect(asked.filter(url => url === '/png')).toEqual([])
    await careful.close()
  })

  it.each(['', '0', 'A'.repeat(64), '0'.repeat(64), '%00'])('is not there under /logo/%s', async name => {
    expect((await signet.ask(`/logo/${name}`)).status).toBe(404)
  })
})
