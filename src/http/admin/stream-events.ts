import { actorText, type PlacedEvent } from '../../domain/events/event.ts'
import { presentEvent } from '../../domain/events/present-event.ts'
import { positionBehind, positionText, type StreamPosition } from '../../domain/events/stream-position.ts'
import type {
  Administrator,
  AuthenticateAdministrator,
} from '../../flows/access/authenticate-administrator.ts'
import type { EventFollower, EventFollowers } from '../../flows/admin/event-followers.ts'
import type { EventFilter, StreamPortion } from '../../ports/events.ts'
import { tokenRequestOf } from '../server/request-source.ts'
import { type Call, NO_STORE, type Reply } from '../server/route.ts'

export type StreamNeeds = Readonly<{
  followers: EventFollowers
  /** As `authenticateAdministrator`, for a caller who has shown before that the token is theirs. */
  reexamineAdministrator: AuthenticateAdministrator
}>

/** RFC 9111 §5.2.2.5. `X-Accel-Buffering`: nginx hands on what it has. */
const HEADERS = {
  ...NO_STORE,
  Vary: 'Accept',
  'Content-Type': 'text/event-stream',
  'X-Accel-Buffering': 'no',
}
/** For clients that connect again by themselves. */
const RETRY_MILLISECONDS = 2_000
/** A reader that has taken nothing for so long is cut off. */
const STALL_MILLISECONDS = 60_000

type Streaming = Readonly<{ filter: EventFilter; after: StreamPosition | null; administrator: Administrator }>

/**
 * HTML Standard §9.2 – Events as they happen, each with its place in the stream as its id. The stream ends when the caller may no longer
 * see events: a reader who asks again, behind the last id, is told why.
 */
export const createStreamEvents =
  ({ followers, reexamineAdministrator }: StreamNeeds) =>
  async (call: Call, { filter, after, administrator }: Streaming): Promise<Reply> => {
    if (call.context.req.method === 'HEAD') return { status: 200, body: null, headers: HEADERS }
    const request = tokenRequestOf(call)
    const follower = await followers.open({
      after,
      wants: event => matches(event, filter),
      concerns: event => isAbout(event, administrator),
      examine: () => reexamineAdministrator(request),
    })
    return { status: 200, body: streamOf(follower), headers: HEADERS }
  }

const matches = (event: PlacedEvent, { actor, ...filter }: EventFilter): boolean =>
  (actor === null || actorText(event.actor) === actor) &&
  MATCHED.every(member => filter[member] === null || filter[member] === event[member])

/** The members of an event that a filter compares. */
const MATCHED = ['kind', 'outcome', 'reason', 'sub', 'client_id', 'sid', 'jti', 'ip', 'request_id'] as const

const isAbout = ({ sub, client_id }: PlacedEvent, { actor: { type, id } }: Administrator): boolean =>
  id === (type === 'person' ? sub : client_id)

/** The stream is made as it is read: memory has one portion of a slow reader, beside what is in the socket. */
const streamOf = (follower: EventFollower): ReadableStream<Uint8Array> => {
  const { begin, next, leave, signal } = follower
  let isReading = false
  let isCancelled = false
  let stalled: NodeJS.Timeout | undefined
  const hand = (controller: ReadableStreamDefaultController<Uint8Array>, text: string) => {
    controller.enqueue(Buffer.from(text))
    stalled = setTimeout(leave, STALL_MILLISECONDS).unref()
  }
  return new ReadableStream<Uint8Array>({
    start: controller => {
      // A reader that does not read cannot be told that this is the end.
      signal.addEventListener('abort', () => {
        clearTimeout(stalled)
        if (!isReading) controller.error(new Error('a reader of events was cut off'))
      })
      hand(controller, `retry: ${RETRY_MILLISECONDS}\nid: ${positionText(begin)}\n\n`)
    },
    pull: async controller => {
      clearTimeout(stalled)
      isReading = true
      const portion = await next()
      isReading = false
      if (isCancelled) return
      if (portion === null) controller.close()
      else hand(controller, textOf(portion))
    },
    cancel: () => {
      isCancelled = true
      leave()
    },
  })
}

/** A comment where nothing has come. The last id goes beyond events that the filter leaves out: a reader need not look at them again. */
const textOf = ({ events, last }: StreamPortion): string => {
  const told = events.map(
    event => `id: ${positionText(positionBehind(event))}\ndata: ${JSON.stringify(presentEvent(event))}\n\n`,
  )
  if (events.length === 0) return `:\nid: ${positionText(last)}\n\n`
  return told.join('') + (events.at(-1)?.number === last.number ? '' : `id: ${positionText(last)}\n\n`)
}
