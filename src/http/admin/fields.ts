import { z } from 'zod'
import { chooseLanguage, type Language } from '../../domain/base/language.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import { type FieldError, fieldInvalid, Problem } from '../../domain/refusals/problem.ts'
import { readJson, readOptionalJson } from '../server/body.ts'
import type { Call } from '../server/route.ts'

/** The members of a body. Throws a 422 that names every bad and every unknown one: an administrator must not believe in a misspelt field. */
export const readMembers = async <T>(call: Call, schema: z.ZodType<T>): Promise<T> =>
  parseStrictly(await readJson(call), schema)

const NOTHING = z.strictObject({})

/** For a request that names everything in its path: a member of its body would be ignored. */
export const readNothing = async (call: Call): Promise<void> => {
  parseStrictly((await readOptionalJson(call)) ?? {}, NOTHING)
}

/** The language of a mail, as a tag of BCP 47. */
export const LANGUAGE = z.string('must be a string').max(40, 'must be a language tag')

/** The one of the languages of this server that is nearest to the given one. */
export const languageIn = ({ pages: { languages } }: Call, tag: string | undefined): Language =>
  chooseLanguage({ ui_locales: tag, accept_language: undefined }, languages)

/** The parameters of the query, each at most once. Throws a 422 that names every bad and every unknown one. */
export const readQuery = <T>(call: Call, schema: z.ZodType<T>): T => {
  const { searchParams } = new URL(call.context.req.url)
  const names = [...searchParams.keys()]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw fieldInvalid({ pointer: pointerTo(twice), detail: 'must be given once' })
  // Postgres has no form for this character.
  const broken = [...searchParams].find(([, value]) => value.includes('\0'))
  if (broken !== undefined)
    throw fieldInvalid({ pointer: pointerTo(broken[0]), detail: 'must have no control characters' })
  return parseStrictly(Object.fromEntries(searchParams), schema)
}

const parseStrictly = <T>(given: unknown, schema: z.ZodType<T>): T => {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  throw new Problem('FIELDS_INVALID', { errors: parsed.error.issues.flatMap(errorsOf) })
}

const errorsOf = (issue: z.core.$ZodIssue): readonly FieldError[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.slice(0, UNKNOWN_MOST).map(key => ({ pointer: pointerTo(key), detail: 'is unknown here' }))
    : [{ pointer: pointerTo(...issue.path.map(String)), detail: issue.message }]

const UNKNOWN_MOST = 20
const NAME_MAX_CHARACTERS = 64

/** RFC 6901 §6 – A pointer in the form of a URI fragment. */
export const pointerTo = (...path: readonly string[]): string =>
  `#/${path
    .map(name =>
      name
        .slice(0, NAME_MAX_CHARACTERS)
        .replaceAll(/\p{Cs}/gu, '')
        .replaceAll('~', '~0')
        .replaceAll('/', '~1'),
    )
    .map(encodeURIComponent)
    .join('/')}`

/** The id in a path. Throws a 404 for a text that no row can have. */
export const idIn = (call: Call, name: string): string => {
  const id = call.context.req.param(name) ?? ''
  if (!isUuid(id)) throw new Problem('NOT_FOUND')
  return id
}
