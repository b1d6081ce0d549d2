/** Exit codes of the commands that speak to a server. */
export const EXIT = { refused: 1, misconfigured: 2, unreachable: 3 } as const

/** Ends a command: its message is the line for the operator. */
export class AdminError extends Error {
  readonly exit: keyof typeof EXIT
  /** The status of the answer. Null: there was none. */
  readonly status: number | null

  constructor(exit: keyof typeof EXIT, line: string, status: number | null = null) {
    super(line)
    this.name = 'AdminError'
    this.exit = exit
    this.status = status
  }
}
