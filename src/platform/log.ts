import { type LevelWithSilent, pino } from 'pino'
import type { Log } from '../ports/effects.ts'
import { openOutput } from './output.ts'

/** Lines that come this close to each other are written together, up to so many characters. */
const BATCH_MILLISECONDS = 10
const BATCH_CHARACTERS = 32_768

/** The log of a process. */
export type ProcessLog = Log & {
  /** Lines that could not be written, since the start. */
  dropped: () => number
  /** For an exit, which waits for nothing: writes what has not been handed over yet. */
  flush: () => void
  /** Resolves when the last line is written, in order, or after a second when the output is not read. */
  close(): Promise<void>
}

/** JSON lines on standard output, written behind the request's back. Lines that cannot be written are dropped and counted. */
export const openLog = (level: LevelWithSilent): ProcessLog => {
  const output = openOutput({
    fd: 1,
    onResume: dropped => logger.warn({ dropped }, 'log lines were dropped: standard output took none'),
  })
  let lines = ''
  let timer: NodeJS.Timeout | undefined
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
    dropped: output.dropped,
    flush: () => {
      handOver()
      output.flush()
    },
    close: () => {
      handOver()
      return output.close()
    },
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
