import { Problem } from '../../domain/refusals/problem.ts'
import type { StatusLists } from '../../flows/revocations/status-lists.ts'
import { jwsReply } from '../server/jws-reply.ts'
import { json, type Route } from '../server/route.ts'

/** draft-ietf-oauth-status-list §8, §9 – The status lists, and the list of their URLs. */
export const statusListRoutes = ({
  find,
  aggregate,
}: Pick<StatusLists, 'find' | 'aggregate'>): readonly Route[] => [
  {
    method: 'GET',
    path: '/status-lists',
    cors: 'anyone',
    errors: 'problem',
    handle: async () => json(200, await aggregate(), { 'Cache-Control': 'public, max-age=60' }),
  },
  {
    method: 'GET',
    path: '/status-lists/:list',
    cors: 'anyone',
    errors: 'problem',
    handle: async ({ context, header, ip }) => {
      const list = /^(?:0|[1-9]\d{0,8})$/.exec(context.req.param('list') ?? '')
      if (list === null) throw new Problem('NOT_FOUND', { reason: 'status_list_malformed' })
      // §8.4 – Lists of the past are not kept, and the present list would mislead.
      if (context.req.query('time') !== undefined) throw new Problem('TIME_UNSUPPORTED')
      const { jws, max_age_seconds } = await find({ list: Number(list[0]), ip })
      const cache_control = `public, max-age=${max_age_seconds}`
      return jwsReply(jws, { type: 'application/statuslist+jwt', cache_control, header })
    },
  },
]
