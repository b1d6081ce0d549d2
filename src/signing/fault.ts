/** What an operator has to put right, a clear line each. */
export type Faults = Readonly<{ faults: readonly string[] }>

/** A full disk, a missing right, a share that went away: a line for the operator. Anything else is our own fault and thrown on. */
export const toFault = (error: unknown): string => {
  if (error instanceof Error && 'syscall' in error) return `KEYS_DIR: ${error.message}`
  throw error
}

/** Runs work on files; a failed system call becomes a fault. */
export const catchFaults = async <T>(work: () => Promise<T>): Promise<T | Faults> => {
  try {
    return await work()
  } catch (error) {
    return { faults: [toFault(error)] }
  }
}
