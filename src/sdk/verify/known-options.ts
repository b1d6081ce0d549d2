/** The names of all options that a function takes: the compiler checks that the list is complete. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>

/**
 * Ours – Throws a TypeError for an option that does not exist. If it were ignored, the typo `revocation` would make a
 * verifier without a source of revocations.
 */
export const requireKnownOptions = (
  of: string,
  options: object,
  known: Readonly<Record<string, true>>,
): void => {
  for (const name of Object.keys(options))
    if (!Object.hasOwn(known, name))
      throw new TypeError(
        `${of}: there is no option ${name}; did you mean ${nearest(name, Object.keys(known))}?`,
      )
}

/** Ours – Throws a TypeError for a callback that is no function: what it would be told is otherwise lost in silence. */
export const requireFunctions = (of: string, given: Readonly<Record<string, unknown>>): void => {
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && typeof value !== 'function')
      throw new TypeError(`${of}: ${name} must be a function`)
}

const nearest = (name: string, names: readonly string[]): string =>
  names.reduce((best, next) => (distance(name, next) < distance(name, best) ? next : best))

/** Levenshtein's distance, of names that may be written in camelCase or in snake_case. */
const distance = (one: string, other: string): number => {
  const [from, to] = [lettersOf(one), lettersOf(other)]
  let row = [0, ...to].map((_, index) => index)
  for (const letter of from) {
    const [first = 0] = row
    const next = [first + 1]
    for (const [index, each] of to.entries()) {
      const replaced = at(row, index) + (letter === each ? 0 : 1)
      next.push(Math.min(replaced, at(row, index + 1) + 1, at(next, index) + 1))
    }
    row = next
  }
  return at(row, to.length)
}

const at = (row: readonly number[], index: number): number => row[index] ?? 0

const lettersOf = (name: string): readonly string[] => name.toLowerCase().replaceAll('_', '').split('')
