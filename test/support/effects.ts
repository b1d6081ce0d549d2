import type { Log } from '../../src/ports/effects.ts'

export type LogLine = Readonly<Record<string, unknown>> & { level: string; message: string }

/** A log that can be read afterwards. */
export const createLog = (): { log: Log; lines: LogLine[] } => {
  const lines: LogLine[] = []
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ ...fields, level, message })
  return { log: { info: at('info'), warn: at('warn'), error: at('error') }, lines }
}

/** A clock that stands still until it is put forward: no code grows old between two lines of a test. */
export const createClock = (start = new Date()) => {
  let now_milliseconds = start.getTime()
  return {
    clock: () => new Date(now_milliseconds),
    advance: (seconds: number) => {
      now_milliseconds += seconds * 1000
    },
    /** To the database's time, by which tokens are issued. */
    reset: () => {
      now_milliseconds = Date.now()
    },
  }
}
export type TestClock = ReturnType<typeof createClock>
