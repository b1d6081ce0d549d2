import { createCursors } from '../domain/revocations/feed-cursor.ts'
import { createBlocklistMirror } from '../ephemeral/blocklist-mirror.ts'
import { createLimits } from '../ephemeral/limits.ts'
import { createAuthenticateAdmin } from '../flows/access/authenticate-admin.ts'
import { createEndEverything } from '../flows/revocations/end-everything.ts'
import { createAnswerFeed, FEED_SIGNATURES } from '../flows/revocations/feed.ts'
import { mirrorRevocations } from '../flows/revocations/mirror.ts'
import { createStatusLists, STATUS_LIST_LIMIT } from '../flows/revocations/status-lists.ts'
import { createRevocationTail } from '../flows/revocations/tail.ts'
import type { Base } from './base.ts'
import type { OnClose, OpenParts } from './open.ts'

type Parts = Base & Readonly<{ meter: OpenParts['meter']; onClose: OnClose }>

/** Composes the feed of revocations, its copy in Redis, the status lists, and the ending of everything that a person or a client has. */
export const composeRevocations = ({ meter, onClose, ...parts }: Parts) => {
  const { clock, log, metrics, peppers, redis, revocationFeed: feed } = parts
  const tail = createRevocationTail({ feed, clock, log })
  onClose(() => tail.close())
  if (redis) onClose(mirrorRevocations({ feed, mirror: createBlocklistMirror(redis), clock, log }))
  const inProcess = createLimits({ redis: null, metrics })
  const signatures = inProcess('feed-signatures', FEED_SIGNATURES)
  const making = inProcess('status-lists', STATUS_LIST_LIMIT)
  return {
    answerFeed: createAnswerFeed({
      ...parts,
      tail,
      cursors: createCursors(peppers),
      signatures,
      followers: meter.followers,
    }),
    statusLists: createStatusLists({ ...parts, making }),
    authenticateAdmin: createAuthenticateAdmin(parts),
    endEverything: createEndEverything(parts),
    /** Long polls are answered now. */
    drain: () => tail.drain(),
  }
}

export type ComposedRevocations = ReturnType<typeof composeRevocations>
