import { destination, type LevelWithSilent, pino } from 'pino'
import type { Log } from '../ports.ts'

/** JSON lines on standard output, written behind the request's back. `close` resolves when the last of them is written, in order. */
export const openLog = (level: LevelWithSilent): Log & { close(): Promise<void> } => {
  const output = destination({ dest: 1, sync: false, minLength: 0 })
  const logger = pino({ level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` }, output)
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    close: () =>
      new Promise(resolve => {
        output.once('close', () => resolve())
        output.end()
      }),
  }
}
