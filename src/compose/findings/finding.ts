import { StartFault } from '../../domain/base/start-fault.ts'

/**
 * What a check has found: its fault, null where there is none. A note tells what the operator may want to know, and is a warning where
 * they have to do something. `advice`: what to do, where the text does not say it itself.
 */
export type Found = Readonly<{ fault: string | null; note?: string; advice?: string; isWarning?: true }>

/** A finding for people and programs. `advice` is null where the detail says what to do, and where there is nothing to do. */
export type Finding = Readonly<{
  check: string
  outcome: 'ok' | 'warning' | 'fault'
  detail: string | null
  advice: string | null
}>

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

export const presentFinding = (check: string, { fault, note, advice, isWarning }: Found): Finding => {
  const outcome = fault !== null ? 'fault' : isWarning === true ? 'warning' : 'ok'
  return { check, outcome, detail: fault ?? note ?? null, advice: advice ?? null }
}
