import type { Readable, Writable } from 'node:stream'
import type { Log } from '../../ports/effects.ts'

/** All that a command may touch of its process: the environment, its input, and lines to standard output and standard error. */
export type Io = Readonly<{
  environment: Readonly<Record<string, string | undefined>>
  out(line: string): void
  err(line: string): void
  /** Standard input. Absent: there is none. */
  input?: Readable
  /** The terminal on standard error, for questions and progress bars. Absent: there is no terminal. */
  screen?: Writable
  /** The terminal on standard output, for tables and colours. Absent: a file or a program reads the output. */
  display?: Readonly<{ columns: number }>
}>

/** For parts of the server that a command uses: the command itself says what went wrong. */
export const QUIET_LOG: Log = { info: () => {}, warn: () => {}, error: () => {} }
