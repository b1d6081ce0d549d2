import type { Log } from '../../src/ports/effects.ts'

export type LogLine = Readonly<Record<string, unknown>> & { level: string; message: string }

/** A log that can be read afterwards. */
export const createLog = (): { log: Log; lines: LogLine[] } => {
  const lines: LogLine[] = []
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ ...fields, level, message })
  return { log: { info: at('info'), warn: at('warn'), error: at('error') }, lines }
}
