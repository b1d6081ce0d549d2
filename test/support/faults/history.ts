import type { SeededFamily } from '../families.ts'

/** What clients were told, in the order in which they heard it. The invariants are judged on it. */
export const createHistory = () => {
  const told = new Map<string, FamilyHistory>()
  const unexpected: string[] = []
  let unanswered = 0
  let answered = 0
  let lastAnswer = performance.now()
  let longest_gap = 0

  const noteAnswer = () => {
    answered++
    const now = performance.now()
    longest_gap = Math.max(longest_gap, now - lastAnswer)
    lastAnswer = now
  }
  const begin = (family: SeededFamily): FamilyHistory => {
    const known: FamilyHistory = { family, successors: [], access_tokens: [], ending: null }
    told.set(family.id, known)
    return known
  }

  return {
    begin,
    noteAnswer,
    /** No answer, or one that says to try again. */
    noteUnanswered: () => unanswered++,
    /** An answer that no client of this load may get. */
    noteUnexpected: (what: string) => unexpected.push(what),
    families: (): readonly FamilyHistory[] => [...told.values()],
    unexpected: (): readonly string[] => unexpected,
    counts: () => ({ answered, unanswered, longest_gap_seconds: longest_gap / 1000 }),
    acknowledged: () => answered,
  }
}

export type History = ReturnType<typeof createHistory>

/** `successors[g]` is the token that the presentation of generation g was answered with. */
export type FamilyHistory = {
  readonly family: SeededFamily
  readonly successors: string[]
  readonly access_tokens: string[]
  /** Null until the ending is asked for. `at` is null until it was acknowledged. */
  ending: { at: number | null } | null
}
