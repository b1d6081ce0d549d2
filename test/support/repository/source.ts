import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export type SourceFile = Readonly<{
  /** From the top level: `src/http/server/app.ts`. */
  path: string
  text: string
  /** The text without comments and string literals. */
  code: string
  /** Its imports, types included: paths from the top level, or package names. */
  imports: readonly string[]
  /** The names that it declares and exports. */
  exports: readonly string[]
  /** The functions at its top level. */
  functions: readonly SourceFunction[]
}>

export type SourceFunction = Readonly<{
  name: string
  /** The number of lines without those of the longest SQL statement. */
  lines: number
}>

/** Every source file under a directory. */
export const readSources = (directory: string): readonly SourceFile[] => {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.(?:ts|tsx|mjs)$/.test(name))
    .toSorted()
    .map(name => readSource(join(directory, name)))
}

const readSource = (path: string): SourceFile => {
  const text = readFileSync(path, 'utf8')
  const withoutComments = text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/.*$/gm, '')
  const imports = [...withoutComments.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(match =>
    placeOf(path, match[1] ?? ''),
  )
  return {
    path,
    text,
    code: withoutComments.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''"),
    imports,
    exports: [...text.matchAll(/^export (?:const|type|class|function) (\w+)/gm)].map(([, name = '']) => name),
    functions: declarationsOf(text).filter(isFunction).map(toFunction),
  }
}

/** The declarations at the top level: the formatter indents the lines of one, or begins them with a bracket. */
const declarationsOf = (text: string): readonly string[] =>
  text.match(/^(?:export )?(?:const|(?:async )?function\*?) .*(?:\n+[ )\]}].*)*/gm) ?? []

/** A function declaration or an arrow function, and not an object or a call that contains functions. */
const isFunction = (declaration: string): boolean =>
  /^(?:export )?(?:async )?function|^[^=]*=\s*(?:async )?(?:<[^(]*>)?(?:\([\s\S]*?\)|\w+)(?:: [\s\S]*?)? =>/.test(
    declaration,
  )

const toFunction = (declaration: string): SourceFunction => {
  const statements = declaration.match(/\bsql(?:<[^`]*>)?`[^`]*`/g) ?? []
  return {
    name: /(?:const|function\*?) (\w+)/.exec(declaration)?.[1] ?? '',
    lines: countLines(declaration) - Math.max(0, ...statements.map(countLines)),
  }
}

const countLines = (text: string): number => text.split('\n').length

const placeOf = (from: string, specifier: string): string =>
  specifier.startsWith('.') ? relative('', resolve(dirname(from), specifier)) : specifier
