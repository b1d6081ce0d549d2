import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { examineDocuments } from '../../../src/cli/clients/client-documents.ts'
import { readConfig } from '../../../src/config.ts'
import { API } from '../../support/clients.ts'
import { type DocumentHost, openDocumentHost } from '../../support/services/document-host.ts'

describe('signetd doctor --document', () => {
  let host: DocumentHost
  beforeAll(async () => {
    host = await openDocumentHost()
  })
  afterAll(() => host.close())

  const examine = (...documents: readonly string[]) => {
    const reading = readConfig({ ...host.environment, REGISTRATION_AUDIENCES: API })
    if ('faults' in reading) throw new Error(reading.faults.join())
    return examineDocuments(reading.config, { documents, authorities: host.certificate })
  }

  it('fetches each document once and says which of them a server cannot use', async () => {
    const good = host.publish('/good.json')
    const secret = host.publish('/secret.json', { client_secret: 'x' })
    expect(await examine(good)).toEqual({ fault: null, note: '1 fetched and understood' })
    expect(await examine(good, secret, host.urlOf('/nowhere.json'))).toEqual({
      fault: `${secret}: client_secret is in it; ${host.urlOf('/nowhere.json')}: status 404`,
    })
    expect([host.countOf('/good.json'), host.countOf('/secret.json')]).toEqual([2, 1])
  })
})
