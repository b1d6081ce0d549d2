import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export type Document = Readonly<{
  /** From the top level: `docs/deploy.md`. */
  path: string
  text: string
  /** What its headings are linked by. */
  anchors: ReadonlySet<string>
  /** The files and folders of ours that it links to or names between backticks, from the top level, some with an anchor. */
  references: readonly string[]
}>

/** A path of ours between backticks; one with a placeholder or a wildcard in it is none. */
const NAMED = /`((?:src|test|bench|docs|drizzle|templates|examples|scripts)\/[\w./-]*)`/g
const LINKED = /\]\((?!https?:)([^)\s]+)\)/g

/** It tells of files that have gone since; the pages that it sends its readers to have to be there. */
const CHANGELOG = 'CHANGELOG.md'

/** Every page for people: docs, and what lies at the top level. */
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

/** As GitHub makes them: lower case, without punctuation, with hyphens for spaces. */
const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
