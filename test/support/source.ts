import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export type SourceFile = Readonly<{
  /** From the top level: `src/http/server/app.ts`. */
  path: string
  text: string
  /** The text without comments and without what is between quotes. */
  code: string
  /** What it imports: paths from the top level, or package names. Types count. */
  imports: readonly string[]
}>

/** Every file of ours under a directory. */
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
  }
}

const placeOf = (from: string, specifier: string): string =>
  specifier.startsWith('.') ? relative('', resolve(dirname(from), specifier)) : specifier
