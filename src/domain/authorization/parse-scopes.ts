import { z } from 'zod'
import { nearestWord } from '../base/nearest-word.ts'
import { IDENTITY_SCOPES } from '../oauth/identity-claims.ts'
import { parseScope } from '../oauth/scope.ts'
import type { ScopeCatalogue, ScopeEntry, ScopeWords } from './scope-catalogue.ts'

/** What is wrong with a file of scopes, and what to do; and the path of the value that is meant, in the file's JSON. */
type ScopeFault = Readonly<{ path: readonly PropertyKey[]; message: string }>

const TITLE_MAX_CHARACTERS = 100
const DESCRIPTION_MAX_CHARACTERS = 300
const TAG = /^[a-z]{2,8}(?:-[a-z\d]{1,8})*$/i
const TEXTS = 'must be a text, or an object with a text for each language'

const words = (most: number) =>
  z
    .preprocess(
      given => (typeof given === 'string' ? { en: given } : given),
      z.record(
        z.string(),
        z
          .string('must be a text')
          .trim()
          .min(1, 'must not be empty')
          .max(most, `must be ${most} characters at most`)
          .regex(/^\P{Cc}*$/u, 'must be one line, without control characters'),
        TEXTS,
      ),
    )
    .superRefine((texts, context) => {
      if (Object.keys(texts).length === 0) context.addIssue({ code: 'custom', message: TEXTS })
      for (const language of Object.keys(texts).filter(each => !TAG.test(each)))
        context.addIssue({
          code: 'custom',
          path: [language],
          message: 'is not a language: name a tag such as en or de-CH',
        })
    })

const flag = z.boolean('must be true or false').optional()

const entry = z.strictObject(
  {
    title: words(TITLE_MAX_CHARACTERS).optional(),
    description: words(DESCRIPTION_MAX_CHARACTERS).optional(),
    optional: flag,
    default: flag,
  },
  'must be an object with a title',
)
const MEMBERS = Object.keys(entry.shape)

/** The scopes of a SCOPES_FILE, or every fault in the file. */
export const parseScopes = (
  json: unknown,
): Readonly<{ catalogue: ScopeCatalogue } | { faults: readonly ScopeFault[] }> => {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return { faults: [{ path: [], message: 'must be a JSON object with a member for each scope' }] }
  const parsed = Object.entries(json).map(([scope, given]) => ({ scope, ...parseEntry(scope, given) }))
  const faults = parsed.flatMap(each =>
    'faults' in each
      ? each.faults.map(({ path, message }) => ({
          path: [each.scope, ...path],
          message: `scope ${JSON.stringify(each.scope.slice(0, 60))}: ${[path.join('.'), message].join(' ').trim()}`,
        }))
      : [],
  )
  if (faults.length > 0) return { faults }
  return { catalogue: new Map(parsed.flatMap(each => ('entry' in each ? [[each.scope, each.entry]] : []))) }
}

type ParsedEntry = Readonly<{ entry: ScopeEntry } | { faults: readonly ScopeFault[] }>

const parseEntry = (scope: string, given: unknown): ParsedEntry => {
  const parsed = entry.safeParse(given)
  if (!parsed.success) return { faults: [...nameFaults(scope), ...parsed.error.issues.flatMap(faultsOf)] }
  const { title, description, optional = false, default: isTicked } = parsed.data
  const faults = [...nameFaults(scope), ...contradictions(scope, parsed.data)]
  if (faults.length > 0) return { faults }
  return {
    entry: {
      title: wordsOf(title),
      description: wordsOf(description),
      isOptional: optional,
      isTicked: isTicked ?? true,
    },
  }
}

/** The pages' languages are in lower case. */
const wordsOf = (texts: Readonly<Record<string, string>> | undefined): ScopeWords | null =>
  texts === undefined ? null : new Map(Object.entries(texts).map(([tag, text]) => [tag.toLowerCase(), text]))

const nameFaults = (scope: string): readonly ScopeFault[] =>
  parseScope(scope)?.length === 1
    ? []
    : [{ path: [], message: 'is not a scope: write one scope, without a space and a quotation mark' }]

const contradictions = (
  scope: string,
  { title, optional, default: isTicked }: z.output<typeof entry>,
): readonly ScopeFault[] => {
  const rules: readonly (readonly [isBroken: boolean, member: string, message: string])[] = [
    [title === undefined && !IDENTITY_SCOPES.includes(scope), 'title', 'is required'],
    [
      scope === 'openid' && optional === true,
      'optional',
      'must not be true: OpenID Connect needs this scope',
    ],
    [isTicked !== undefined && optional !== true, 'default', 'has a meaning beside "optional": true only'],
  ]
  return rules.filter(([isBroken]) => isBroken).map(([, member, message]) => ({ path: [member], message }))
}

const faultsOf = (issue: z.core.$ZodIssue): readonly ScopeFault[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map(key => ({ path: [...issue.path, key], message: describeUnknown(key) }))
    : [{ path: issue.path, message: issue.message }]

const describeUnknown = (member: string): string => {
  const meant = nearestWord(member, MEMBERS)
  return meant === null
    ? `is not a member that Signet knows: remove it; an entry may have ${MEMBERS.join(', ')}`
    : `is not a member that Signet knows; did you mean ${meant}?`
}
