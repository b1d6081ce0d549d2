import type { Readable, Writable } from 'node:stream'

/** What a command may touch: the environment, and lines to standard output and standard error. */
export type Io = Readonly<{
  environment: Readonly<Record<string, string | undefined>>
  out(line: string): void
  err(line: string): void
  /** Standard input. Absent: there is none. */
  input?: Readable
  /** Where somebody sits at both ends: who is asked at `input`, and shown a progress on the screen. Absent: nobody. */
  screen?: Writable
}>
