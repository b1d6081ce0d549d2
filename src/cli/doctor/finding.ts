import { StartFault } from '../../domain/base/start-fault.ts'

/** The subject of a check, and its fault; null where there is none. A note points to a setting that may not be as it was meant. */
export type Finding = Readonly<{ check: string; fault: string | null; note?: string }>

export type Found = Omit<Finding, 'check'>

export const OK: Found = { fault: null }

/** The lines of a StartFault are the fault; any other error is thrown on. */
export const findingOf = async (work: () => Promise<void>): Promise<Found> => {
  try {
    await work()
    return OK
  } catch (error) {
    if (error instanceof StartFault) return { fault: error.lines.join('; ') }
    throw error
  }
}
