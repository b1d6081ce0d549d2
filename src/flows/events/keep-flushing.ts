import { setTimeout as pause } from 'node:timers/promises'

type Needs = Readonly<{
  /** Never rejects. */
  flush: () => Promise<void>
  /** The last flush. Never rejects. */
  finish: () => Promise<void>
  every_milliseconds: number
}>

/** Milliseconds that the last flush may take at the end of the process. */
const FINISH_MILLISECONDS = 3_000

/** Writes what is collected in this process, again and again, one flush at a time. Returns `stop`, which flushes for the last time. */
export const keepFlushing = ({ flush, finish, every_milliseconds }: Needs) => {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  let underway = Promise.resolve()
  const schedule = () => {
    if (isStopped) return
    timer = setTimeout(() => {
      underway = flush().then(schedule)
    }, every_milliseconds).unref()
  }
  schedule()
  return async (): Promise<void> => {
    isStopped = true
    clearTimeout(timer)
    await Promise.race([underway.then(finish), pause(FINISH_MILLISECONDS, undefined, { ref: false })])
  }
}
