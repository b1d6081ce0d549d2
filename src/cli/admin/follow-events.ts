import { TOLD_EVENT, type ToldEvent } from './admin-answers.ts'
import { AdminError } from './admin-error.ts'
import { causeOf } from './admin-fetch.ts'
import { readServerSentEvents } from './server-sent-events.ts'
import type { Administration } from './with-administration.ts'

/** Milliseconds after which a stream that says nothing, not even a comment, counts as lost. */
const SILENCE_MILLISECONDS = 90_000
const BACKOFF_LEAST_MILLISECONDS = 500
const BACKOFF_MOST_MILLISECONDS = 30_000

type Following = Readonly<{
  /** The position in the stream after which to begin. Null: what happens from now on. */
  after: string | null
  take: (event: ToldEvent) => void
  /** Is told of each attempt that follows a lost connection. */
  lost: (reason: string) => void
  /** Is told that the server does not know the last position any more, such as after a restore: what happens from now on follows. */
  gone: () => void
}>

/** RFC 9110 §15.5.11 – The answer to a position that the server does not know, or no longer. */
const GONE = 410

/**
 * Follows the events without an end. A lost connection is opened again behind the last event, later after each failure in a row; where the
 * server has lost that place, with what happens from now on. Throws an AdminError where the server refuses, also the place at which the
 * caller begins, and where it cannot be reached in the first place.
 */
export const followEvents = async (
  administration: Administration,
  { after, take, lost, gone }: Following,
): Promise<never> => {
  let last = after
  let least = BACKOFF_LEAST_MILLISECONDS
  let failures = 0
  let hasConnected = false
  const remember = (id: string | null) => {
    last = id ?? last
    failures = 0
  }
  for (;;) {
    try {
      await readStream(administration, {
        last,
        connected: () => {
          hasConnected = true
        },
        retry: milliseconds => {
          least = Math.min(milliseconds, BACKOFF_MOST_MILLISECONDS)
        },
        passed: remember,
        take: (event, id) => {
          remember(id)
          take(event)
        },
      })
      lost('the server ended the stream')
    } catch (error) {
      if (!(error instanceof AdminError) || !hasConnected) throw error
      if (error.exit !== 'unreachable' && (error.status !== GONE || last === null)) throw error
      if (error.status === GONE) {
        last = null
        gone()
        continue
      }
      lost(error.message)
    }
    const most = Math.min(least * 2 ** failures, BACKOFF_MOST_MILLISECONDS)
    failures = Math.min(failures + 1, 16)
    // Followers of a server that comes back do not all come at once.
    await new Promise(resolve => setTimeout(resolve, most / 2 + (Math.random() * most) / 2))
  }
}

type Stream = Readonly<{
  last: string | null
  connected: () => void
  retry: (milliseconds: number) => void
  passed: (id: string) => void
  take: (event: ToldEvent, id: string | null) => void
}>

/** Ends with the stream. Rejects with an AdminError of `unreachable` when the connection breaks or falls silent. */
const readStream = async (
  { open }: Administration,
  { last, connected, retry, passed, take }: Stream,
): Promise<void> => {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('no sign of life')), SILENCE_MILLISECONDS)
  const Accept = 'text/event-stream'
  try {
    const answer = await open('/events?follow', {
      headers: last === null ? { Accept } : { Accept, 'Last-Event-ID': last },
      signal: silence.signal,
    })
    if (!answer.headers.get('content-type')?.startsWith(Accept))
      throw new AdminError('refused', 'the server has no stream of events: it is of an older version')
    if (answer.body === null) throw new AdminError('unreachable', 'the stream is empty')
    connected()
    const heard = () => void timer.refresh()
    for await (const { id, data } of readServerSentEvents(answer.body, { heard, retry, passed }))
      take(parseEvent(data), id)
  } catch (error) {
    if (error instanceof AdminError) throw error
    throw new AdminError('unreachable', `the stream broke off (${causeOf(error)})`)
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

const parseEvent = (data: string): ToldEvent => {
  const parsed = TOLD_EVENT.safeParse(parseJson(data))
  if (parsed.success) return parsed.data
  throw new AdminError('refused', 'the server sends events that this version does not understand')
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
