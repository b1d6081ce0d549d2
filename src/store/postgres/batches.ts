/** Entries of a batch, at most, so that its statement stays short. */
const MAX_ENTRIES = 64
/** The next batch waits this long for the answer to the one before. */
const PATIENCE_MILLISECONDS = 50

/** How the entries of a batch are seen in traces. */
export type BatchTracing = Readonly<{
  /** Runs what is for several requests outside of their traces. */
  apart: <T>(work: () => T) => T
  /** The time that one entry takes, in the trace of its request. `summary` says what is done to which table. */
  entry: <T>(summary: string, work: () => Promise<T>) => Promise<T>
}>

type Work<Entry, Answer> = Readonly<{
  keyOf: (entry: Entry) => string
  /**
   * Sends a batch, whose keys are distinct: all of it or nothing. An entry whose answer is undefined is sent alone. The next batch does not
   * wait for an answer that is still a promise.
   */
  together: (batch: readonly Entry[]) => Promise<readonly (Answer | Promise<Answer> | undefined)[]>
  alone: (entry: Entry) => Promise<Answer>
  /** True when a failed batch has certainly changed nothing. */
  isUndone: (fault: unknown) => boolean
  /** True while each entry has to be sent by itself, because the database carries out no statement for several. */
  isOfOne: () => boolean
  /** Absent while traces are off. */
  traced?: Readonly<{ summary: string; tracing: BatchTracing | undefined }>
}>

type Waiting<Entry, Answer> = Readonly<{
  entry: Entry
  resolve: (answer: Answer | Promise<Answer>) => void
  reject: (fault: unknown) => void
}>

/**
 * Ours, after the group commit of databases: the entries that arrive while a batch is under way make up the next one, so that a busy server
 * sends few statements, and an idle one sends each entry at once. An entry whose key waits already is sent alone, and so is each entry of a
 * batch that was rolled back because of one of them.
 */
export const inBatches = <Entry, Answer>(work: Work<Entry, Answer>): ((entry: Entry) => Promise<Answer>) => {
  const tracing = work.traced?.tracing
  if (work.traced === undefined || tracing === undefined) return createBatches(work)
  const { summary } = work.traced
  const send = createBatches({
    ...work,
    together: batch => tracing.apart(() => work.together(batch)),
    alone: entry => tracing.apart(() => work.alone(entry)),
  })
  return entry => tracing.entry(summary, () => send(entry))
}

const createBatches = <Entry, Answer>(work: Work<Entry, Answer>) => {
  const { keyOf, together, alone, isUndone, isOfOne } = work
  let waiting = new Map<string, Waiting<Entry, Answer>>()
  let isUnderWay = false

  const take = () => {
    const batch = [...waiting.values()]
    waiting = new Map()
    return batch
  }
  const dispatch = (batch: readonly Waiting<Entry, Answer>[]) => {
    const answered = together(batch.map(({ entry }) => entry))
    answered.then(
      answers => batch.forEach(({ entry, resolve }, index) => resolve(answers[index] ?? alone(entry))),
      (fault: unknown) =>
        batch.forEach(({ entry, resolve, reject }) =>
          isUndone(fault) ? resolve(alone(entry)) : reject(fault),
        ),
    )
    return answered
  }
  const send = () => {
    if (waiting.size === 0) return proceed()
    void settledOrLate(dispatch(take())).then(proceed)
  }
  /** Sends in the next turn of the event loop, after the requests that have arrived by now. */
  const proceed = () => {
    isUnderWay = waiting.size > 0
    if (isUnderWay) setImmediate(send)
  }

  return (entry: Entry): Promise<Answer> => {
    const key = keyOf(entry)
    if (waiting.has(key)) return alone(entry)
    return new Promise((resolve, reject) => {
      if (isOfOne()) return void dispatch([{ entry, resolve, reject }])
      waiting.set(key, { entry, resolve, reject })
      if (!isUnderWay) proceed()
      // A full batch does not wait for the one before, because a caller's time runs from its request even while the database hangs.
      else if (waiting.size >= MAX_ENTRIES) void dispatch(take())
    })
  }
}

const settledOrLate = (answered: Promise<unknown>): Promise<void> =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, PATIENCE_MILLISECONDS)
    const settle = () => {
      clearTimeout(timer)
      resolve()
    }
    answered.then(settle, settle)
  })
