import type { Event } from '../../domain/events/event.ts'
import { presentEvent } from '../../domain/events/present-event.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { EventFilter, Events } from '../../ports/events.ts'
import { type Call, NO_STORE, type Reply } from '../server/route.ts'

/** Events that one statement reads, and one chunk has. */
const PAGE_EVENTS = 500
/** Events of one export, at most. The caller goes on after the id of its last line. */
const EXPORT_EVENTS_MOST = 100_000
/** Exports of one instance at once, at most. Each holds a page in memory, and no connection while its reader is slow. */
const EXPORTS_AT_ONCE = 2
/** An export whose reader takes longer is broken off, so that no stalled reader keeps its place. */
const EXPORT_MILLISECONDS = 600_000

type Exporting = Readonly<{ filter: EventFilter; after: string | null }>

/**
 * Ours – Events as JSON lines, the newest first. A page is read when the reader has taken the former one. An export that cannot go on
 * breaks the connection: it never looks complete.
 */
export const createExportEvents = ({ read }: Pick<Events, 'read'>) => {
  let underway = 0
  return async ({ context }: Call, { filter, after }: Exporting): Promise<Reply> => {
    const headers = { ...NO_STORE, Vary: 'Accept', 'Content-Type': 'application/x-ndjson' }
    if (context.req.method === 'HEAD') return { status: 200, body: null, headers }
    if (underway >= EXPORTS_AT_ONCE)
      throw new Problem('RATE_LIMITED', { reason: 'administration_busy', retry_after_seconds: 5 })
    underway += 1
    try {
      // The first page is read before the answer begins: an error is then answered as one.
      const first = await read({ filter, after, limit: PAGE_EVENTS })
      const pages = readOn(first, position => read({ filter, after: position, limit: PAGE_EVENTS }))
      return { status: 200, body: streamOf(pages, () => (underway -= 1)), headers }
    } catch (error) {
      underway -= 1
      throw error
    }
  }
}

type Page = Awaited<ReturnType<Events['read']>>

async function* readOn(first: Page, readAfter: (position: string) => Promise<Page>) {
  let left = EXPORT_EVENTS_MOST
  for (let page = first; ; ) {
    const events = page.events.slice(0, left)
    left -= events.length
    yield events
    if (page.next === null || left === 0) return
    page = await readAfter(page.next)
  }
}

/** `onEnd` is called once, however the stream ends. */
const streamOf = (pages: AsyncGenerator<readonly Event[]>, onEnd: () => void): ReadableStream<Uint8Array> => {
  let isOver = false
  let timer: NodeJS.Timeout | undefined
  const end = () => {
    if (isOver) return
    isOver = true
    clearTimeout(timer)
    // Stops a search that finds nothing, too.
    void pages.return(undefined)
    onEnd()
  }
  return new ReadableStream<Uint8Array>({
    start: controller => {
      timer = setTimeout(() => {
        if (isOver) return
        end()
        controller.error(new Error('an export of events took too long'))
      }, EXPORT_MILLISECONDS).unref()
    },
    pull: async controller => {
      try {
        const text = await nextText(pages)
        if (isOver) return
        if (text !== null) return controller.enqueue(Buffer.from(text))
        end()
        controller.close()
      } catch (error) {
        end()
        throw error
      }
    },
    cancel: end,
  })
}

/** The lines of the next page that has any; null at the end. */
const nextText = async (pages: AsyncGenerator<readonly Event[]>): Promise<string | null> => {
  for (;;) {
    const { done, value } = await pages.next()
    if (done) return null
    if (value.length > 0) return value.map(event => `${JSON.stringify(presentEvent(event))}\n`).join('')
  }
}
