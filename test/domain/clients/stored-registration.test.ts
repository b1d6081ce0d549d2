import { describe, expect, it } from 'vitest'
import { digestOf, type Plain } from '../../../src/domain/base/digest.ts'
import { parseStoredClient, rowMetadataOf } from '../../../src/domain/clients/stored-registration.ts'

const POLICY = { issuer: 'https://id.example', default_audience: 'https://api.example', outbound_allow: [] }
const client_secret_digest = digestOf('a secret of the client' as Plain<'client_secret'>)

const rowOf = (metadata: string) =>
  parseStoredClient({ client_id: 'app', metadata, client_secret_digest }, POLICY)

describe('a client of the database', () => {
  const metadata = (scope: string) => JSON.stringify({ grant_types: ['client_credentials'], scope })

  it('has the scope of its row', () => {
    expect(rowOf(metadata('read'))).toMatchObject({ client: { scope: 'read' } })
  })

  it('is not understood with a scope of the server itself, even where another program wrote the row', () => {
    expect(rowOf(metadata('read signet:admin'))).toEqual({
      faults: ['scope must not contain signet:admin: only a client of CLIENTS_FILE administers this server'],
    })
  })

  it('is judged at each use where it has registered itself', () => {
    const row = rowMetadataOf({
      metadata: JSON.stringify({ redirect_uris: ['https://app.example/'], scope: 'openid signet:admin' }),
    })
    expect(rowOf(row)).toMatchObject({ client: { scope: 'openid signet:admin' } })
  })
})
