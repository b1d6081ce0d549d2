import { createPepper } from '../src/domain/base/pepper.ts'
import { parseRefreshToken } from '../src/domain/sign-in/refresh-token.ts'
import { openDocumentHost } from '../test/support/services/document-host.ts'
import { refreshCallersOf } from './refresh.ts'
import { PEPPER } from './support/families.ts'
import { drive } from './support/load.ts'
import { measureProcessor } from './support/processor.ts'
import type { Bench } from './support/report.ts'
import { writeSetting } from './support/server.ts'
import { countStatements, forgetStatements } from './support/statement-counts.ts'
import { median } from './support/statistics.ts'
import type { Store } from './support/world.ts'

const ROUNDS = 9
const SECONDS = 2
const FAMILIES = 8_000
const REGISTERED = 'bench-agent'
const AUDIENCE = 'https://api.bench.example'

/** Refreshes of a client that a document describes, in turns with those of a public client that is registered alike. */
export const benchDocuments: Bench = async world => {
  const host = await openDocumentHost()
  const store = await world.store(FAMILIES)
  const client_id = host.publish('/agent.json')
  const tokens = await divide(store, [REGISTERED, client_id])
  const server = await world.startSignet(store, {
    ...host.environment,
    NODE_EXTRA_CA_CERTS: writeSetting('documents.pem', host.certificate),
    CLIENTS_FILE: writeSetting('agents.json', [
      {
        client_id: REGISTERED,
        token_endpoint_auth_method: 'none',
        grant_types: ['refresh_token'],
        scope: 'read write',
        audience: AUDIENCE,
        refresh_grace_seconds: 1_800,
      },
    ]),
    REGISTRATION_AUDIENCES: AUDIENCE,
    REGISTRATION_SCOPES: 'read write',
  })
  const measure = (id: string) => {
    const callers = refreshCallersOf(tokens.get(id) ?? [], { client_id: id })
    return async () => {
      await forgetStatements(store.sql)
      const { result, milliseconds } = await measureProcessor([server.pid], () =>
        drive({ port: server.port, seconds: SECONDS, callers }),
      )
      const statements = await countStatements(store.sql)
      const { requests } = result
      return { processor: (milliseconds[0] ?? 0) / requests, statements: statements / requests }
    }
  }
  const [registered, described] = [measure(REGISTERED), measure(client_id)]
  await registered()
  await described()
  const rounds: Readonly<Record<'registered' | 'described', Awaited<ReturnType<typeof described>>>>[] = []
  for (let round = 0; round < ROUNDS; round += 1)
    rounds.push({ registered: await registered(), described: await described() })
  const fetches = host.countOf('/agent.json')
  await server.stop()
  await host.close()
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick))
  return [
    {
      what: 'registered: server, processor a refresh',
      seen: of(each => each.registered.processor),
      unit: 'ms',
    },
    {
      what: 'by document: server, processor a refresh',
      seen: of(each => each.described.processor),
      unit: 'ms',
    },
    {
      what: 'by document / registered, processor',
      seen: of(({ described: by, registered: to }) => by.processor / to.processor),
      goal: { most: 1.1 },
    },
    { what: 'registered: statements a refresh', seen: of(each => each.registered.statements) },
    {
      what: 'by document: statements a refresh',
      seen: of(each => each.described.statements),
      goal: { most: 1.01 },
    },
    { what: 'fetches of the document', seen: fetches, goal: { most: 1 } },
  ]
}

/** Gives each client an equal part of the families. Returns their tokens. */
const divide = async (
  { sql, tokens }: Store,
  clients: readonly string[],
): Promise<ReadonlyMap<string, string[]>> => {
  const peppers = [createPepper(PEPPER)] as const
  const parts = clients.map(
    (id, index) => [id, tokens.filter((_, each) => each % clients.length === index)] as const,
  )
  for (const [client_id, part] of parts) {
    const ids = part.map(token => parseRefreshToken(token, peppers)?.family_id ?? '')
    await sql`update refresh_families set client_id = ${client_id} where id = any(${ids}::uuid[])`
  }
  await sql`vacuum analyze refresh_families`
  return new Map(parts)
}
