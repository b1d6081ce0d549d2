const GRAPHEMES = new Intl.Segmenter()
const PLAIN = /^[\x20-\x7e]*$/
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u

/** Unicode Standard Annex 11 – Columns that a text takes on a terminal, nearly: two for the characters of East Asia and for pictures. */
export const widthOf = (text: string): number =>
  PLAIN.test(text) ? text.length : graphemesOf(text).reduce((sum, each) => sum + widthOfOne(each), 0)

export const padToWidth = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** The beginning of a text that is too wide, with an ellipsis. */
export const cutToWidth = (text: string, width: number): string => {
  if (widthOf(text) <= width) return text
  let left = width - 1
  const kept = graphemesOf(text).filter(each => {
    left -= left < 0 ? 0 : widthOfOne(each)
    return left >= 0
  })
  return `${kept.join('')}…`
}

const graphemesOf = (text: string): readonly string[] =>
  Array.from(GRAPHEMES.segment(text), ({ segment }) => segment)

const widthOfOne = (grapheme: string): number => (WIDE.test(grapheme) ? 2 : 1)
