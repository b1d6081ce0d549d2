import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { basic } from '../../support/clients.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'
import { type ConsoleBrowser, openConsole } from '../../support/pages/console-browser.ts'
import { fieldOf, headingOf } from '../../support/pages/person.ts'
import { unescapeHtml } from '../../support/pages/plain-browser.ts'

describe('the clients of the console', () => {
  let deployment: Deployment
  let signet: Instance
  let browser: ConsoleBrowser
  beforeAll(async () => {
    ;({ deployment, signet, browser } = await openConsole('signet:admin'))
  })
  afterAll(() => deployment.close())

  const metadata = (more: object = {}) =>
    JSON.stringify({
      client_id: 'reports',
      client_name: 'Reports <b>',
      grant_types: ['client_credentials'],
      scope: 'read',
      audience: ['https://api.example'],
      ...more,
    })
  const create = async (text: string) =>
    browser.submit(await browser.open('/console/clients/new'), '/console/clients/new', { metadata: text })
  const secretOf = (text: string): string => /<code[^>]*>([\w-]{43,})<\/code>/.exec(text)?.[1] ?? ''
  const tokenStatus = async (secret: string) =>
    (await signet.token({ grant_type: 'client_credentials' }, basic('reports', secret))).status

  it('are created, changed, given a secret, disabled, enabled, ended and deleted', async () => {
    const created = await create(metadata())
    expect(headingOf(created)).toBe('The new secret')
    const secret = secretOf(created.text)
    expect(await tokenStatus(secret)).toBe(200)

    const shown = await browser.open('/console/clients/reports')
    expect(shown.text).toContain('Reports &#60;b&#62;')
    expect(shown.text).not.toContain(secret)
    expect(shown.text).toMatch(/Changed last[\s\S]*client created[\s\S]*>person\d+@example\.com</)
    const form = await browser.open('/console/clients/reports/change')
    const [, given = ''] = /<textarea[^>]*>\n?([\s\S]*?)<\/textarea>/.exec(form.text) ?? []
    const kept = JSON.parse(unescapeHtml(given)) as object
    expect(kept).toMatchObject({ client_name: 'Reports <b>', grant_types: ['client_credentials'] })
    const etag = fieldOf(form, 'etag') ?? ''
    const change = (name: string) =>
      browser.submit(form, '/console/clients/reports/change', {
        etag,
        metadata: JSON.stringify({ ...kept, client_name: name }),
      })
    expect((await change('Figures')).status).toBe(303)
    expect([(await change('Late')).status, await tokenStatus(secret)]).toEqual([412, 200])

    const made = await browser.confirm('/console/clients/reports/rotate-secret')
    const next = secretOf(made.text)
    expect([await tokenStatus(secret), await tokenStatus(next)]).toEqual([200, 200])
    expect((await browser.open('/console/clients/reports')).text).toContain('former')

    expect((await browser.confirm('/console/clients/reports/disable')).text).toContain(
      'The client is disabled.',
    )
    expect(await tokenStatus(next)).toBe(401)
    expect((await browser.confirm('/console/clients/reports/enable')).text).toContain(
      'The client is enabled.',
    )
    expect((await browser.confirm('/console/clients/reports/end-everything')).text).toContain('is ended')
    expect(await tokenStatus(next)).toBe(200)
    expect((await browser.confirm('/console/clients/reports/delete')).text).toContain(
      'The client is deleted.',
    )
    expect(await tokenStatus(next)).toBe(401)
    expect((await browser.open('/console/clients/reports')).status).toBe(404)
  })

  it('are refused with the fault beside the form, and changed nowhere', async () => {
    expect([(await create('no JSON')).status, (await create('[]')).status]).toEqual([422, 422])
    const wrong = await create(metadata({ client_id: 'wrong', grant_types: ['magic'] }))
    expect(wrong.status).toBe(422)
    expect(wrong.text).toContain('grant_types')
    const page = await browser.open('/console/clients/service')
    expect(page.text).not.toContain('/console/clients/service/delete')
  })

  it('are shown without a button where CLIENTS_FILE has them', async () => {
    expect((await browser.open('/console/clients')).text).toContain('/console/clients/service')
    expect((await browser.confirm('/console/clients/service/disable')).status).toBe(409)
  })
})
