import type { Engine } from '../verify/engine.ts'
import { createJwsReader } from '../verify/jws-reader.ts'
import { createKeySet } from '../verify/key-set.ts'
import { fetchText, StatusFault } from '../verify/remote-json.ts'
import type { RevocationQuery, Standing } from '../verify/revocation-source.ts'
import { parseFeedAnswer } from './feed-answer.ts'
import { createFeedKnowledge, type Staleness } from './feed-knowledge.ts'
import { type FollowOptions, type FollowSettings, parseFollowOptions } from './follow-options.ts'

export type FollowState = Readonly<{
  /** `checked`: what is not known to be revoked was not, `maxStaleSeconds` ago at most. */
  revocation: 'checked' | 'stale'
  /** Why `stale`; null while `checked`. */
  reason: Staleness | null
  /** Entries that are known. */
  entries: number
  /** Seconds since 1970: when the issuer said what is known; null before its first answer. */
  as_of: number | null
  /** Why the last answer was refused or did not come; null after a good one. */
  fault: Error | null
}>

/** A RevocationSource for the verifier's option `revocations`, which follows the issuer's feed until it is closed. */
export type Following = Readonly<{
  check(token: RevocationQuery): Standing
  /** Resolves when everything that is revoked has been heard once. Rejects when it is closed before. */
  ready(): Promise<void>
  state(): FollowState
  /** Ends the following. What is known grows stale. */
  close(): void
}>

/** Ours: an answer holds 50 thousand entries at most, which takes 1.4 MB. */
const LARGEST_BYTES = 4_194_304
/** Seconds that an answer may take beyond the wait that was asked for. */
const SLOWEST_SECONDS = 8
/** Seconds between a failure and the next attempt: doubled each time, from the least to the most. */
const BACKOFF_SECONDS = { least: 0.1, most: 5 } as const
/** Seconds between two questions, at least, where an answer brought nothing and did not wait. */
const PAUSE_SECONDS = 1
/** Seconds from one question to the next, at least, but for the parts of a large set: entries that come together are heard together. */
const SPACING_SECONDS = 0.05
/** Parts of one set, at most: an issuer cuts no more. */
const PARTS_MOST = 4096
/** Seconds that keys are used beyond their freshness while the issuer is away. */
const KEYS_MAX_STALE_SECONDS = 3600

/** Ours – Follows the revocation feed of one issuer, in the background. Throws a TypeError when an option is at fault. */
export const followOn =
  <Key>(engine: Engine<Key>) =>
  (options: FollowOptions): Following => {
    const settings = parseFollowOptions(options)
    const knowledge = createFeedKnowledge(settings)
    const closing = new AbortController()
    const ask = createAsk(engine, settings, knowledge, closing.signal)
    let fault: Error | null = null
    let isReady = (): void => {}
    let isClosed: (reason: Error) => void = () => {}
    const readied = new Promise<void>((resolve, reject) => {
      isReady = resolve
      isClosed = reject
    })
    readied.catch(() => {})

    const follow = async () => {
      let failures = 0
      /** Cursors that led nowhere, since one has led on. */
      let gone = 0
      for (;;) {
        if (closing.signal.aborted) return
        try {
          const { pause, hasLedOn } = await ask()
          failures = 0
          if (hasLedOn) gone = 0
          fault = null
          if (knowledge.as_of() !== null) isReady()
          await sleep(pause, closing.signal)
        } catch (error) {
          if (closing.signal.aborted) return
          failures += 1
          if (isGone(error)) gone += 1
          fault = error instanceof Error ? error : new Error(String(error))
          settings.onFault(fault)
          const beginning = isGone(error) && gone > 1 ? backoffOfBeginning(gone, settings) : 0
          await sleep(Math.max(backoff(failures), beginning), closing.signal)
        }
      }
    }
    void follow()

    return {
      check: knowledge.check,
      ready: () => readied,
      state: () => ({
        revocation: knowledge.staleness() === null ? 'checked' : 'stale',
        reason: knowledge.staleness(),
        entries: knowledge.size(),
        as_of: knowledge.as_of(),
        fault,
      }),
      close: () => {
        isClosed(new Error('the following was closed'))
        closing.abort()
      },
    }
  }

/** Seconds to wait before the next question; and whether the answer went on from the end of another. */
type Next = Readonly<{ pause: number; hasLedOn: boolean }>

/** One question and its answer; resolves with what is to come next. Rejects, having changed nothing, on any doubt. */
const createAsk = <Key>(
  engine: Engine<Key>,
  settings: FollowSettings,
  knowledge: ReturnType<typeof createFeedKnowledge>,
  signal: AbortSignal,
) => {
  const { issuer, jwks_uri, fetch, elapsed, max_stale_seconds } = settings
  const keys = createKeySet(engine, {
    issuer,
    jwks_uri,
    fetch,
    elapsed,
    max_stale_seconds: KEYS_MAX_STALE_SECONDS,
    onFault: () => {},
  })
  const read = createJwsReader(engine, keys, 'revocations+jwt', LARGEST_BYTES)
  const wait = Math.min(10, Math.floor(max_stale_seconds / 3))
  const limits = { accept: 'application/jwt', seconds: wait + SLOWEST_SECONDS, bytes: LARGEST_BYTES, signal }

  const fetchAnswer = async (): Promise<string> => {
    const cursor = knowledge.cursor()
    const query = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}&wait=${wait}`
    try {
      return (await fetchText(settings.url + query, fetch, limits)).text
    } catch (error) {
      if (isGone(error)) knowledge.beginAgain()
      throw error
    }
  }

  let parts = 0

  return async (): Promise<Next> => {
    const asked_at = performance.now()
    const reading = await read(await fetchAnswer())
    if ('refusal' in reading)
      throw new Error(`the feed is refused: ${reading.refusal}`, { cause: reading.cause })
    const answer = parseFeedAnswer(reading.payload)
    const hasLedOn = answer.since !== null && parts === 0
    knowledge.take(answer)
    parts = answer.more ? parts + 1 : 0
    if (parts > PARTS_MOST) throw new Error('the feed has no end')
    const took = (performance.now() - asked_at) / 1000
    if (answer.more) return { pause: 0, hasLedOn }
    // An answer that leads nowhere further would be had again at once.
    const hasNews = answer.count > 0 && answer.cursor !== answer.since
    return { pause: Math.max(0, (hasNews ? SPACING_SECONDS : PAUSE_SECONDS) - took), hasLedOn }
  }
}

/** RFC 9110 §15.5.11 – 410: the cursor leads nowhere any more. */
const isGone = (error: unknown): boolean => error instanceof StatusFault && error.status === 410

const backoff = (failures: number): number =>
  scattered(Math.min(BACKOFF_SECONDS.least * 2 ** (failures - 1), BACKOFF_SECONDS.most))

/**
 * Where each new cursor is gone at once (two issuers with different databases behind one name), everything would be asked for
 * again and again: less and less often, and often enough that what is known does not grow stale.
 */
const backoffOfBeginning = (gone: number, { max_stale_seconds }: FollowSettings): number =>
  scattered(Math.min(2 ** (gone - 1), max_stale_seconds / 2))

/** A half to the whole of it: followers that lost one server together must not come back together. */
const scattered = (seconds: number): number => seconds * (0.5 + Math.random() / 2)

const sleep = (seconds: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (seconds === 0 || signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, seconds * 1000)
    signal.addEventListener('abort', done)
  })
