import { destination, type LevelWithSilent, pino } from 'pino'
import type { Log } from '../ports.ts'

/** Lines that come this close to each other are written together, up to so many characters. */
const BATCH_MILLISECONDS = 10
const BATCH_CHARACTERS = 32_768

/** The log of a process. */
export type ProcessLog = Log & {
  /** For an exit, which waits for nothing: writes what has not been handed over yet. */
  flush: () => void
  /** Resolves when the last line is written, in order. */
  close(): Promise<void>
}

/** JSON lines on standard output, written behind the request's back. */
export const openLog = (level: LevelWithSilent): ProcessLog => {
  const output = destination({ dest: 1, sync: false })
  let lines = ''
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const handOver = () => {
    clearTimeout(timer)
    timer = undefined
    if (lines !== '') output.write(lines)
    lines = ''
  }
  const write = (line: string) => {
    lines += line
    if (lines.length >= BATCH_CHARACTERS) handOver()
    else timer ??= setTimeout(handOver, BATCH_MILLISECONDS)
  }
  const logger = pino({ level, base: null, timestamp: createTimestamp() }, { write })
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush: () => {
      if (isClosed) return
      handOver()
      output.flushSync()
    },
    close: () =>
      new Promise(resolve => {
        isClosed = true
        handOver()
        output.once('close', () => resolve())
        output.end()
      }),
  }
}

/** The text of a millisecond is made once: on a busy server several lines share it. */
const createTimestamp = () => {
  let at = 0
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== at) {
      at = now
      text = `,"time":"${new Date(now).toISOString()}"`
    }
    return text
  }
}
