/** What a command may touch: the environment, and lines to standard output and standard error. */
export type Io = Readonly<{
  environment: Readonly<Record<string, string | undefined>>
  out(line: string): void
  err(line: string): void
}>
