/** Problems that the operator must fix, one clear line each. */
export type Faults = Readonly<{ faults: readonly string[] }>

/** A failed system call (full disk, missing right, lost share) becomes a line for the operator. Any other error is thrown on. */
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
