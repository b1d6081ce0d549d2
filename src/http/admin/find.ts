import { z } from 'zod'
import { isUuid } from '../../domain/base/uuid.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { createFind } from '../../flows/admin/find.ts'
import type { Endings } from '../../ports/revocations.ts'
import { json, NO_STORE, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { readMembers, readQuery } from './fields.ts'

type Needs = Readonly<{ find: ReturnType<typeof createFind>; endings: Endings }>

/** Ours (docs/administration.md) – The search, and the revocation of everything of a person or a client. */
export const findRoutes = (route: Administrating, { find, endings }: Needs): readonly Route[] => [
  route('GET', '/find', async call =>
    json(200, { matches: await find(readQuery(call, QUERY).q.trim()) }, NO_STORE),
  ),
  route('POST', '/revocations', async call => {
    const { sub, client_id } = await readMembers(call, REVOCATION)
    if (sub === undefined) {
      // Also for a client that is no longer registered: its tokens may still live.
      await endings.endClient(client_id ?? '')
      return json(200, { client_id }, NO_STORE)
    }
    const ended = isUuid(sub) ? await endings.endPerson(sub) : null
    if (ended === null) throw new Problem('NOT_FOUND', { reason: 'subject_unknown' })
    return json(200, { sub, ended: ended.families.length }, NO_STORE)
  }),
]

const QUERY = z.strictObject({
  q: z
    .string('must be given')
    .trim()
    .min(1, 'must not be empty')
    .max(1_024, 'must be 1024 characters at most'),
})

const REVOCATION = z
  .strictObject({
    sub: z.string('must be a string').optional(),
    client_id: z
      .string('must be a string')
      .regex(/^[\x20-\x7e]{1,1024}$/, 'must be 1 to 1024 characters of ASCII')
      .optional(),
  })
  .refine(({ sub, client_id }) => (sub === undefined) !== (client_id === undefined), {
    error: 'must be given, or client_id, and not both',
    path: ['sub'],
  })
