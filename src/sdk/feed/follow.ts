import type { Engine } from '../verify/engine.ts'
import { createJwsReader } from '../verify/jws-reader.ts'
import { createKeySet } from '../verify/key-set.ts'
import { fetchText, StatusFault } from '../verify/remote-json.ts'
import type { RevocationQuery, Standing } from '../verify/revocation-source.ts'
import { backoffAfter, backoffOfBeginning } from './backoff.ts'
import { parseFeedAnswer } from './feed-answer.ts'
import { createFeedKnowledge, type Staleness } from './feed-knowledge.ts'
import { type FollowOptions, type FollowSettings, parseFollowOptions } from './follow-options.ts'

export type FollowState = Readonly<{
  /** `checked`: the known revocations are complete, and at most `maxStaleSeconds` old. */
  revocation: 'checked' | 'stale'
  /** Why `stale`; null while `checked`. */
  reason: Staleness | null
  /** Number of known entries. */
  entries: number
  /** Seconds since 1970: when the issuer signed the newest answer; null before the first one. */
  as_of: number | null
  /** Why the last answer was refused or did not come; null after an accepted one. */
  fault: Error | null
}>

/** A RevocationSource for the verifier's option `revocations`, which follows the issuer's feed until `close` is called. */
export type Following = Readonly<{
  check(token: RevocationQuery): Standing
  /** Resolves when the whole set has been received once. Rejects when `close` is called before. */
  ready(): Promise<void>
  state(): FollowState
  /** Stops following. The knowledge then grows stale. */
  close(): void
}>

/** Ours: an answer holds 50 thousand entries at most, which takes 1.4 MB. */
const LARGEST_BYTES = 4_194_304
/** Seconds that an answer may take beyond the requested wait. */
const SLOWEST_SECONDS = 8
/** The least seconds from a request whose answer brought nothing to the next request. */
const PAUSE_SECONDS = 1
/** The least seconds between other requests, so that entries of the same moment share an answer. Further parts of a set do not wait. */
const SPACING_SECONDS = 0.05
/** Parts in which a revocation set may come, at most. Issuers send no more. */
const PARTS_MOST = 4096
/** Seconds for which stale keys are used while the issuer is away. */
const KEYS_MAX_STALE_SECONDS = 3600

/** Ours – Follows the revocation feed of one issuer, in the background. Throws a TypeError for an invalid option. */
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
      /** The number of unknown cursors since the issuer last accepted one. */
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
          const { max_stale_seconds } = settings
          const beginning =
            isGone(error) && gone > 1 ? backoffOfBeginning({ gone, max_stale_seconds }, Math.random) : 0
          await sleep(Math.max(backoffAfter(failures, Math.random), beginning), closing.signal)
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

/** `pause`: seconds before the next request. `hasLedOn`: the issuer accepted the cursor of a complete set. */
type Next = Readonly<{ pause: number; hasLedOn: boolean }>

/** Sends one request, and adds its answer. Rejects, and adds nothing, when the answer is refused. */
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
    // An answer whose cursor is that of the request would come again at once.
    const hasNews = answer.count > 0 && answer.cursor !== answer.since
    return { pause: Math.max(0, (hasNews ? SPACING_SECONDS : PAUSE_SECONDS) - took), hasLedOn }
  }
}

/** RFC 9110 §15.5.11 – 410: the issuer does not know the cursor any more. */
const isGone = (error: unknown): boolean => error instanceof StatusFault && error.status === 410

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
