import { Problem } from '../../domain/problem.ts'
import type { StatusLists } from '../../flows/status-lists.ts'
import { matchesEtag } from '../etag.ts'
import { problemReply } from '../refusal.ts'
import { json, type Route } from '../route.ts'

/** draft-ietf-oauth-status-list §8, §9 – The status lists, and the list of them. */
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
      if (list === null) throw new Problem('NOT_FOUND', 'status_list_malformed')
      // §8.4 – A list of the past: none are kept, and today's would mislead.
      if (context.req.query('time') !== undefined) throw new Problem('TIME_UNSUPPORTED')
      const found = await find({ list: Number(list[0]), ip })
      if ('retry_after_seconds' in found)
        return problemReply(new Problem('RATE_LIMITED'), { 'Retry-After': String(found.retry_after_seconds) })
      const { jws, max_age_seconds } = found
      // The end of the signature is different for every other content.
      const etag = `"${jws.slice(-22)}"`
      const headers = { 'Cache-Control': `public, max-age=${max_age_seconds}`, ETag: etag }
      if (matchesEtag(etag, header('if-none-match'))) return { status: 304, body: null, headers }
      return { status: 200, body: jws, headers: { ...headers, 'Content-Type': 'application/statuslist+jwt' } }
    },
  },
]
