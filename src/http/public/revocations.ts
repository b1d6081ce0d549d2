import type { AnswerFeed } from '../../flows/revocations/feed.ts'
import { jwsReply } from '../server/jws-reply.ts'
import type { createLargeAnswers } from '../server/large-answers.ts'
import type { Route } from '../server/route.ts'

/** Shared caches may answer many followers: the whole set for a moment, the step from a cursor for a minute. */
const CACHE = { snapshot: 'public, max-age=2', step: 'public, max-age=60', nothing: 'no-store' } as const

/** Ours – GET /revocations: the whole feed, or with `cursor` the entries after it, for which the answer waits up to `wait` seconds. */
export const revocationsRoute = (
  answerFeed: AnswerFeed,
  holdLarge: ReturnType<typeof createLargeAnswers>,
): Route => ({
  method: 'GET',
  path: '/revocations',
  cors: 'anyone',
  errors: 'problem',
  handle: async ({ context, header, ip }) => {
    const cursor = context.req.query('cursor') ?? null
    const wait_seconds = Number(/^\d{1,4}$/.exec(context.req.query('wait') ?? '')?.[0] ?? 0)
    const { signal } = context.req.raw
    const { jws, body, isFinal } = await answerFeed({ cursor, wait_seconds, signal, ip })
    holdLarge({ body, ip, outgoing: context.env.outgoing })
    const cache = cursor === null ? 'snapshot' : isFinal ? 'step' : 'nothing'
    return jwsReply(jws, { type: 'application/jwt', cache_control: CACHE[cache], header, body })
  },
})
