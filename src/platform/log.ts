import { type LevelWithSilent, pino } from 'pino'
import type { Log } from '../ports/effects.ts'
import { openOutput } from './output.ts'

/** A batch of lines is written this long after its first line, or as soon as it has this many characters. */
const BATCH_MILLISECONDS = 10
const BATCH_CHARACTERS = 32_768

/** The log of a process. */
export type ProcessLog = Log & {
  /** Lines that could not be written, since the start. */
  dropped: () => number
  /** Writes the lines of the unfinished batch at once. For an exit of the process, which cannot wait. */
  flush: () => void
  /** Resolves when all lines are written, in order, or after one second when the output is not read. */
  close(): Promise<void>
}

/** JSON lines on standard output, written in batches so that no request waits. Lines that cannot be written are dropped and counted. */
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

/** Caches the formatted timestamp of the current millisecond, because several lines share it on a busy server. */
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
