import { destination, type LevelWithSilent, pino } from 'pino'
import type { Log } from '../ports.ts'

/** Lines that come this close to each other are written together, up to so many bytes. */
const BATCH_MILLISECONDS = 10
const BATCH_BYTES = 4096

/** JSON lines on standard output, written behind the request's back. `close` resolves when the last of them is written, in order. */
export const openLog = (level: LevelWithSilent): Log & { close(): Promise<void> } => {
  const output = destination({ dest: 1, sync: false, minLength: BATCH_BYTES })
  const logger = pino({ level, base: null, timestamp: createTimestamp() }, output)
  let batch: NodeJS.Timeout | undefined
  const flush = () => {
    batch = undefined
    output.flush()
  }
  const at =
    (name: 'info' | 'warn' | 'error'): Log['info'] =>
    (fields, message) => {
      logger[name](fields, message)
      batch ??= setTimeout(flush, BATCH_MILLISECONDS)
    }
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    close: () =>
      new Promise(resolve => {
        clearTimeout(batch)
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
