import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCodeOf } from '../domain/base/error-code.ts'
import type { TemplateFile } from '../ports/templates.ts'

/** The folders of TEMPLATES_DIR, and the ending of the files in each. */
const ENDINGS = { pages: '.json', mail: '.txt' } as const
type Kind = keyof typeof ENDINGS

/** What one entry of the directory turned out to be. */
type Found = Readonly<{ kind: Kind; file: TemplateFile }> | Readonly<{ fault: string }>

type TemplateFiles = Readonly<{
  pages: readonly TemplateFile[]
  mail: readonly TemplateFile[]
  /** Sentences for the operator. */
  faults: readonly string[]
}>

/**
 * Reads TEMPLATES_DIR: `pages/<language>/<page>.json` and `mail/<language>/<mail>.txt`. Names that begin with a dot are left out, as
 * Kubernetes and version control have them in a mounted directory. Whether a page or a mail has such a name is judged elsewhere.
 */
export const readTemplatesDirectory = (directory: string): TemplateFiles => {
  const found = entriesOf(directory, '').flatMap(entry =>
    'fault' in entry ? [entry] : findKind(directory, entry.name),
  )
  const filesOf = (kind: Kind) =>
    found.flatMap(each => ('fault' in each || each.kind !== kind ? [] : [each.file]))
  return {
    pages: filesOf('pages'),
    mail: filesOf('mail'),
    faults: found.flatMap(each => ('fault' in each ? [each.fault] : [])),
  }
}

const findKind = (directory: string, name: string): readonly Found[] => {
  if (name !== 'pages' && name !== 'mail') return [{ fault: `${name} has no use: there are pages and mail` }]
  return entriesOf(directory, name).flatMap(entry =>
    'fault' in entry ? [entry] : findLanguage(directory, { kind: name, language: entry.name }),
  )
}

const findLanguage = (
  directory: string,
  { kind, language }: Readonly<{ kind: Kind; language: string }>,
): readonly Found[] => {
  const path = `${kind}/${language}`
  if (!isLanguage(language))
    return [{ fault: `${path} is no language tag in lower case, such as fr or pt-br` }]
  return entriesOf(directory, path).map(entry =>
    'fault' in entry ? entry : findFile(directory, { kind, language, path: `${path}/${entry.name}` }),
  )
}

const findFile = (
  directory: string,
  { kind, language, path }: Readonly<{ kind: Kind; language: string; path: string }>,
): Found => {
  const ending = ENDINGS[kind]
  if (!path.endsWith(ending)) return { fault: `${path} must end in ${ending}` }
  const name = path.slice(path.lastIndexOf('/') + 1, -ending.length)
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(join(directory, path)))
    return { kind, file: { path, language, name, text } }
  } catch (error) {
    return { fault: cannotRead(path, error) }
  }
}

type Entry = Readonly<{ name: string }> | Readonly<{ fault: string }>

const entriesOf = (directory: string, path: string): readonly Entry[] => {
  try {
    const names = readdirSync(join(directory, path)).filter(name => !name.startsWith('.'))
    return names.toSorted().map(name => ({ name }))
  } catch (error) {
    return [{ fault: cannotRead(path === '' ? directory : path, error) }]
  }
}

const cannotRead = (path: string, error: unknown): string => {
  const code = errorCodeOf(error) ?? String(error)
  return `${path} cannot be read: ${CAUSES[code] ?? code}`
}

/** By the code of the error. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'this process may not read it; change its owner or mode',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8',
}

/** RFC 5646 §2.1 – Such a tag is one for `Intl` too, which writes dates and durations in the language. */
const isLanguage = (tag: string): boolean => {
  if (!/^[a-z]{2,3}(?:-[a-z\d]{2,8}){0,4}$/.test(tag)) return false
  try {
    return Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}
