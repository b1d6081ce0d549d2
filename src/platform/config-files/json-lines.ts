/** The lines of a JSON text, counted from 1. */
export type JsonLines = Readonly<{
  /** The line of the member or element at a path; if the text has no such value, the line of the nearest enclosing value. */
  lineOf: (path: readonly PropertyKey[]) => number
  /** The line at which the text stops being JSON; null for a JSON text. */
  faultLine: number | null
}>

/** RFC 8259 §2 – A parser that finds only line numbers, because the errors of `JSON.parse` name no position in Node 20. */
export const readJsonLines = (text: string): JsonLines => {
  const tokens = tokensOf(text)
  const lines = new Map<string, number>()
  let at = 0

  const accept = (fits: RegExp): boolean => {
    if (!fits.test(tokens[at]?.text ?? '')) return false
    at++
    return true
  }
  const note = (path: readonly PropertyKey[]) => {
    const key = keyOf(path)
    if (!lines.has(key)) lines.set(key, tokens[at]?.line ?? 1)
  }
  const readValue = (path: readonly PropertyKey[]): boolean => {
    note(path)
    if (accept(/^\{$/)) return accept(/^\}$/) || readMembers(path)
    if (accept(/^\[$/)) return accept(/^\]$/) || readElements(path)
    return accept(SCALAR)
  }
  const readMembers = (path: readonly PropertyKey[]): boolean => {
    do {
      const name = tokens[at]?.text ?? ''
      if (!STRING.test(name)) return false
      const member = [...path, String(JSON.parse(name))]
      note(member)
      at++
      if (!accept(/^:$/) || !readValue(member)) return false
    } while (accept(/^,$/))
    return accept(/^\}$/)
  }
  const readElements = (path: readonly PropertyKey[]): boolean => {
    let index = 0
    do if (!readValue([...path, index++])) return false
    while (accept(/^,$/))
    return accept(/^\]$/)
  }

  const isJson = readValue([]) && at === tokens.length - 1
  return {
    faultLine: isJson ? null : (tokens[at]?.line ?? 1),
    lineOf: path => {
      const around = path.map((_, index) => lines.get(keyOf(path.slice(0, index + 1))))
      return around.findLast(line => line !== undefined) ?? 1
    },
  }
}

const STRING = /^"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-f]{4}))*"$/iu
const SCALAR = new RegExp(
  String.raw`${STRING.source}|^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null)$`,
  'iu',
)

const keyOf = (path: readonly PropertyKey[]) => JSON.stringify(path.map(String))

type Token = Readonly<{ text: string; line: number }>

/** A lexer: strings, structural characters, words, and an empty token at the end. The parser refuses tokens that are not JSON. */
const tokensOf = (text: string): readonly Token[] => {
  let line = 1
  const tokens: Token[] = []
  for (const [token] of text.matchAll(/"(?:[^"\\\n]|\\.)*"?|[{}[\],:]|[^ \t\r\n{}[\],:"]+|\n/g)) {
    if (token === '\n') line++
    else tokens.push({ text: token, line })
  }
  return [...tokens, { text: '', line }]
}
