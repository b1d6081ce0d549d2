/** Characters of a word that others may hold: shorter ones are in too many. */
const PART_CHARACTERS = 4

/** Ours – The word that was probably meant; null where none is near. Case, `_` and `-` count for nothing. */
export const nearestWord = (given: string, words: readonly string[]): string | null => {
  const wanted = plain(given)
  const [nearest] = words
    .map(word => ({ word, edits: editsBetween(wanted, plain(word)) }))
    .toSorted((one, other) => one.edits - other.edits)
  if (nearest !== undefined && nearest.edits <= Math.floor(nearest.word.length / 4)) return nearest.word
  return (wanted.length >= PART_CHARACTERS && words.find(word => plain(word).includes(wanted))) || null
}

const plain = (word: string) => word.toLowerCase().replaceAll(/[_-]/g, '')

/** The Levenshtein distance. */
const editsBetween = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let index = 0; index < one.length; index++) {
    const next = [index + 1]
    for (let column = 1; column <= other.length; column++) {
      const [kept = 0, left = 0, above = 0] = [row[column - 1], next[column - 1], row[column]]
      next.push(Math.min(kept + (one[index] === other[column - 1] ? 0 : 1), left + 1, above + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
