import type { Log } from '../../src/ports/effects.ts'

export type LogLine = Readonly<Record<string, unknown>> & { level: string; message: string }

/** A log whose lines a test can read. */
export const createLog = (): { log: Log; lines: LogLine[] } => {
  const lines: LogLine[] = []
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ ...fields, level, message })
  return { log: { info: at('info'), warn: at('warn'), error: at('error') }, lines }
}

export const errorsIn = (lines: readonly LogLine[]): readonly LogLine[] =>
  lines.filter(({ level }) => level === 'error')

/** A clock that moves only when a test advances it, so that no code expires between two lines of a test. */
export const createClock = (start = new Date()) => {
  let now_milliseconds = start.getTime()
  return {
    clock: () => new Date(now_milliseconds),
    advance: (seconds: number) => {
      now_milliseconds += seconds * 1000
    },
    /** Sets the clock to the time of the database, by which tokens are issued. */
    reset: () => {
      now_milliseconds = Date.now()
    },
  }
}
export type TestClock = ReturnType<typeof createClock>
