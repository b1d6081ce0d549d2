import { setTimeout as pause } from 'node:timers/promises'
import type { HostIdentity, Timelines } from './timelines.ts'

type SeenHost = Readonly<{ host: string; identity: HostIdentity | null }>

type Needs = Readonly<{
  timelines: Timelines
  /** Asks the hosts to which no connection of the pool leads. Never rejects. Null: there are no others. */
  look: (() => Promise<readonly SeenHost[]>) | null
  /** Milliseconds for which the first connection waits for the first look, at most. */
  patience_milliseconds: number
}>

type Work = () => Promise<void>

/** Between two looks at the other hosts. A look opens a connection to each of them. */
const LOOK_MILLISECONDS = 5_000
/** Between two recalls of what other instances have seen. */
const RECALL_MILLISECONDS = 1_000

/**
 * Ours – Looks for a promotion that no ended connection tells of, because the former primary goes on serving. Begins with the first
 * connection, so that a process that has just started prefers the highest timeline too.
 */
export const keepLooking = ({ timelines, look, patience_milliseconds }: Needs) => {
  let first: Promise<void> | null = null
  let isStopped = false

  const timers = new Map<Work, NodeJS.Timeout>()
  const repeat = (work: Work, milliseconds: number) => {
    if (isStopped) return
    const again = () => repeat(work, milliseconds)
    timers.set(work, setTimeout(() => void work().finally(again), milliseconds).unref())
  }
  const begin = async () => {
    repeat(timelines.recall, RECALL_MILLISECONDS)
    if (look === null) return
    const lookNow = async () => {
      const seen = await look()
      await Promise.all(seen.map(({ host, identity }) => timelines.note(host, identity)))
    }
    repeat(lookNow, LOOK_MILLISECONDS)
    await Promise.race([lookNow(), pause(patience_milliseconds, undefined, { ref: false })])
  }

  return {
    /** Resolves when the other hosts have been looked at once, or when that takes too long. */
    begun: (): Promise<void> => (first ??= begin()),
    stop: (): void => {
      isStopped = true
      for (const timer of timers.values()) clearTimeout(timer)
    },
  }
}
