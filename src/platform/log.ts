import { destination, type LevelWithSilent, pino } from 'pino'
import type { Log } from '../ports.ts'

/** Lines that come this close to each other are written together, up to so many characters. */
const BATCH_MILLISECONDS = 10
const BATCH_CHARACTERS = 4096

/** JSON lines on standard output, written behind the request's back. `close` resolves when the last of them is written, in order. */
export const openLog = (level: LevelWithSilent): Log & { close(): Promise<void> } => {
  let lines = ''
  let timer: NodeJS.Timeout | undefined
  const handOver = () => {
    clearTimeout(timer)
    timer = undefined
    if (lines !== '') output.write(lines)
    lines = ''
  }
  // Before the destination's own listener, which writes at the exit what it was given.
  process.once('exit', handOver)
  const output = destination({ dest: 1, sync: false })
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
    close: () =>
      new Promise(resolve => {
        handOver()
        process.off('exit', handOver)
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
