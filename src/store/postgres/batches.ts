/** Entries of one group, at most: a statement is to stay short. */
const MOST = 64
/** A group that has no answer by then holds up nobody else. */
const LATE_MILLISECONDS = 50

type Work<Entry, Answer> = Readonly<{
  keyOf: (entry: Entry) => string
  /** All or nothing, and no two entries of one key. Whoever gets undefined is asked for alone. */
  together: (group: readonly Entry[]) => Promise<readonly (Answer | undefined)[]>
  alone: (entry: Entry) => Promise<Answer>
  /** Whether a group that failed has done nothing, for sure. */
  isUndone: (fault: unknown) => boolean
}>

type Waiting<Entry, Answer> = Readonly<{
  entry: Entry
  resolve: (answer: Answer | Promise<Answer>) => void
  reject: (fault: unknown) => void
}>

/**
 * Ours, after the group commit of databases: what is asked for while a group is under way makes up the next one, so that a busy
 * server sends few statements, and on an idle one nobody waits. An entry whose key is in the group already is asked for alone,
 * and so is each of a group that was undone because of one of them.
 */
export const inGroups = <Entry, Answer>({ keyOf, together, alone, isUndone }: Work<Entry, Answer>) => {
  let waiting = new Map<string, Waiting<Entry, Answer>>()
  let isHeld = false

  const take = () => {
    const group = [...waiting.values()]
    waiting = new Map()
    return group
  }
  const dispatch = () => {
    const group = take()
    const answered = together(group.map(({ entry }) => entry))
    answered.then(
      answers => group.forEach(({ entry, resolve }, index) => resolve(answers[index] ?? alone(entry))),
      (fault: unknown) =>
        group.forEach(({ entry, resolve, reject }) =>
          isUndone(fault) ? resolve(alone(entry)) : reject(fault),
        ),
    )
    return answered
  }
  const send = () => {
    if (waiting.size === 0) return proceed()
    void settledOrLate(dispatch()).then(proceed)
  }
  /** Whatever has arrived by now is read first. */
  const proceed = () => {
    isHeld = waiting.size > 0
    if (isHeld) setImmediate(send)
  }

  return (entry: Entry): Promise<Answer> => {
    const key = keyOf(entry)
    if (waiting.has(key)) return alone(entry)
    return new Promise((resolve, reject) => {
      waiting.set(key, { entry, resolve, reject })
      if (!isHeld) proceed()
      // A full one has no company to wait for: while the database hangs, nobody's time begins later than their request.
      else if (waiting.size >= MOST) void dispatch()
    })
  }
}

const settledOrLate = (answered: Promise<unknown>): Promise<void> =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, LATE_MILLISECONDS)
    const settle = () => {
      clearTimeout(timer)
      resolve()
    }
    answered.then(settle, settle)
  })
