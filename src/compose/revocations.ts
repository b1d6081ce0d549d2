import type { Peppers } from '../domain/base/pepper.ts'
import { createCursors } from '../domain/revocations/feed-cursor.ts'
import { createBlocklistMirror } from '../ephemeral/blocklist-mirror.ts'
import { createLimits } from '../ephemeral/limits.ts'
import type { RedisConnection } from '../ephemeral/redis.ts'
import { createAnswerFeed, FEED_SIGNATURES } from '../flows/revocations/feed.ts'
import { mirrorRevocations } from '../flows/revocations/mirror.ts'
import { createStatusLists, STATUS_LIST_LIMIT } from '../flows/revocations/status-lists.ts'
import { createRevocationTail } from '../flows/revocations/tail.ts'
import type { Clients } from '../ports/clients.ts'
import type { Clock, Log, Metrics } from '../ports/effects.ts'
import type { Keys } from '../ports/keys.ts'
import type { OnClose } from './open.ts'
import type { Stores } from './stores.ts'

type Parts = Stores &
  Readonly<{
    clients: Clients
    redis: RedisConnection | null
    keys: Keys
    peppers: Peppers
    clock: Clock
    issuer: string
    metrics: Metrics
    log: Log
    onClose: OnClose
  }>

/** What tells other services of revocations, put in its place: the feed, its copy in Redis, and the status lists. */
export const composeRevocations = ({ redis, peppers, onClose, ...parts }: Parts) => {
  const { clock, log, metrics, revocationFeed: feed } = parts
  const tail = createRevocationTail({ feed, clock, log })
  onClose(() => tail.close())
  if (redis) onClose(mirrorRevocations({ feed, mirror: createBlocklistMirror(redis), clock, log }))
  const inProcess = createLimits({ redis: null, metrics })
  const signatures = inProcess('feed-signatures', FEED_SIGNATURES)
  const making = inProcess('status-lists', STATUS_LIST_LIMIT)
  return {
    answerFeed: createAnswerFeed({ ...parts, tail, cursors: createCursors(peppers), signatures }),
    statusLists: createStatusLists({ ...parts, making }),
    /** Long polls are answered now. */
    drain: () => tail.drain(),
  }
}
