import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export type Document = Readonly<{
  /** From the top level: `docs/deploy.md`. */
  path: string
  text: string
  /** The anchors of the headings. */
  anchors: ReadonlySet<string>
  /** The files and folders of this repository that the document links to or names between backticks, from the top level, some with an anchor. */
  references: readonly string[]
}>

/** A path of this repository between backticks, without a placeholder or a wildcard. */
const NAMED = /`((?:src|test|bench|docs|drizzle|templates|examples|scripts)\/[\w./-]*)`/g
const LINKED = /\]\((?!https?:)([^)\s]+)\)/g

/** CHANGELOG.md names files that are gone. The pages that it links to must exist. */
const CHANGELOG = 'CHANGELOG.md'

/** Every document: those of docs, and those at the top level. */
export const readDocuments = (): readonly Document[] => {
  const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' }).map(name => join('docs', name))
  return [...readdirSync('.'), ...pages]
    .filter(path => path.endsWith('.md'))
    .toSorted()
    .map(readDocument)
}

const readDocument = (path: string): Document => {
  const text = readFileSync(path, 'utf8')
  const named = [...text.matchAll(NAMED)].map(([, name = '']) => name)
  const linked = [...text.matchAll(LINKED)].map(([, target = '']) =>
    target.startsWith('#') ? path + target : normalize(join(dirname(path), target)),
  )
  const references = [...named, ...linked].filter(name => path !== CHANGELOG || name.startsWith('docs/'))
  return { path, text, anchors: anchorsOf(text), references }
}

/** The anchor that GitHub makes of a heading: lower case, without punctuation, with hyphens for spaces. */
const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
