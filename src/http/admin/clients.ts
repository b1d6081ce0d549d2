import { z } from 'zod'
import { Problem } from '../../domain/refusals/problem.ts'
import type { ChangeClients, Faulty, ShownClient } from '../../flows/admin/change-clients.ts'
import type { Endings } from '../../ports/revocations.ts'
import { readJson } from '../server/body.ts'
import { type Call, json, NO_STORE, noContent, type Reply, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { pointerTo, readMembers, readNothing, readQuery } from './fields.ts'
import { LIST_PARAMETERS, listReply } from './lists.ts'
import { etagOf, versionsIn } from './versions.ts'

type Needs = Readonly<{ changeClients: ChangeClients; endings: Pick<Endings, 'endClient'> }>

const OVERLAP_MOST_SECONDS = 30 * 86_400
const OVERLAP_STANDARD_SECONDS = 86_400

/** Ours (docs/administration.md) – Clients: lists, registrations, secrets, and what ends of them. */
export const administeredClientRoutes = (
  route: Administrating,
  { changeClients, endings }: Needs,
): readonly Route[] => [
  route('GET', '/clients', call => {
    const { after, limit } = readQuery(call, PAGE)
    return listReply<ShownClient>({
      name: 'clients',
      after,
      limit,
      keyOf: ({ client_id }) => client_id,
      isKey: isClientId,
      read: changeClients.list,
      present: client => client,
    })
  }),
  route('POST', '/clients', async call => reply(201, await changeClients.create(await readJson(call)))),
  route('GET', '/clients/:client_id', async call => reply(200, await changeClients.show(clientIn(call)))),
  route('PUT', '/clients/:client_id', async call => {
    const named = namedIn(call)
    const { client_id = named.client_id, ...entry } = await readJson(call)
    if (client_id !== named.client_id)
      throw new Problem('FIELDS_INVALID', {
        errors: [{ pointer: '#/client_id', detail: 'must be that of the address' }],
      })
    return reply(200, await changeClients.replace(named, entry))
  }),
  route('DELETE', '/clients/:client_id', async call => {
    await readNothing(call)
    await changeClients.delete(namedIn(call))
    return { ...noContent, headers: NO_STORE }
  }),
  route('POST', '/clients/:client_id/disable', async call => {
    await readNothing(call)
    return reply(200, await changeClients.setDisabled(clientIn(call), true))
  }),
  route('POST', '/clients/:client_id/enable', async call => {
    await readNothing(call)
    return reply(200, await changeClients.setDisabled(clientIn(call), false))
  }),
  route('POST', '/clients/:client_id/end-everything', async call => {
    const client_id = clientIn(call)
    await readNothing(call)
    // Also for a client that is no longer registered: its tokens may still live.
    await endings.endClient(client_id)
    return json(200, { client_id }, NO_STORE)
  }),
  route('POST', '/clients/:client_id/secrets', async call => {
    const { overlap_seconds } = await readMembers(call, NEW_SECRET)
    return reply(201, await changeClients.addSecret(namedIn(call), overlap_seconds))
  }),
]

const PAGE = z.strictObject(LIST_PARAMETERS)

const OVERLAP = `must be a whole number from 0 to ${OVERLAP_MOST_SECONDS}`

const NEW_SECRET = z.strictObject({
  overlap_seconds: z
    .int(OVERLAP)
    .min(0, OVERLAP)
    .max(OVERLAP_MOST_SECONDS, OVERLAP)
    .default(OVERLAP_STANDARD_SECONDS),
})

const isClientId = (text: string): boolean => /^[\x20-\x7e]{1,1024}$/.test(text)

/** Throws a 404 for a text that is no id of any client. */
const clientIn = (call: Call): string => {
  const client_id = call.context.req.param('client_id') ?? ''
  if (!isClientId(client_id)) throw new Problem('NOT_FOUND')
  return client_id
}

/** A tag that is no number names no version. */
const namedIn = (call: Call) => ({
  client_id: clientIn(call),
  versions:
    versionsIn(call)
      ?.filter(version => /^\d{1,15}$/.test(version))
      .map(Number) ?? null,
})

const reply = (status: 200 | 201, changed: Awaited<ReturnType<ChangeClients['create']>>): Reply => {
  if ('faults' in changed) throw faulty(changed)
  const { shown, version, client_secret } = changed
  const etag: Reply['headers'] = version === null ? {} : { ETag: etagOf(String(version)) }
  return json(
    status,
    { ...shown, ...(client_secret === null ? {} : { client_secret }) },
    { ...NO_STORE, ...etag },
  )
}

const FAULTS_MOST = 50

const faulty = ({ faults }: Faulty): Problem =>
  new Problem('FIELDS_INVALID', {
    errors: faults
      .slice(0, FAULTS_MOST)
      .map(({ path, message }) => ({ pointer: pointerTo(...path.map(String)), detail: message })),
  })
