import { z } from 'zod'
import { isLoopback } from '../base/ip-address.ts'
import { nearestWord } from '../base/nearest-word.ts'
import { parseScope } from '../oauth/scope.ts'
import { UPSTREAM_CLAIMS, UPSTREAM_TYPES, type Upstream, type UpstreamClaim } from './upstream.ts'

/** What is wrong with a file of providers, and what to do; and the path of the value that is meant, in the file's JSON. */
export type UpstreamFault = Readonly<{ path: readonly PropertyKey[]; message: string }>

/** An entry of the file, with the files that it names still to be read. */
export type UpstreamEntry = Readonly<{
  upstream: Upstream
  client_secret_file: string | null
  icon_file: string | null
}>

const LABEL_MAX_CHARACTERS = 40
const LEAST_GITHUB = 'https://github.com'
const DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

const filled = (most: number) =>
  z.string('must be a text').min(1, 'must not be empty').max(most, `must be ${most} characters at most`)

const flag = z.boolean('must be true or false').optional()

const origin = z
  .string('must be a text')
  .refine(isOrigin, 'must be an origin: https and a host, without a path; http for loopback alone')

/** OpenID Connect Discovery §3 – Without query and fragment. */
const issuer = filled(500).refine(
  value => isWeb(value) && !/[?#]/.test(value),
  'must be an https URL without query and fragment; http for loopback alone',
)

const CLAIM_NAMES = z.strictObject(
  Object.fromEntries(UPSTREAM_CLAIMS.map(name => [name, filled(100).nullable().optional()])) as Readonly<
    Record<UpstreamClaim, z.ZodOptional<z.ZodNullable<z.ZodString>>>
  >,
  `must be an object with a claim of the provider for each of ${UPSTREAM_CLAIMS.join(', ')}`,
)

const ENTRY = z.strictObject(
  {
    id: z
      .string('is required')
      .regex(/^[a-z\d](?:[a-z\d-]{0,30}[a-z\d])?$/, 'must be 1 to 32 small letters, digits or hyphens'),
    type: z.enum(UPSTREAM_TYPES, `must be ${UPSTREAM_TYPES.join(' or ')}`).optional(),
    issuer: issuer.optional(),
    client_id: filled(500),
    client_secret: filled(2_000).optional(),
    client_secret_file: filled(4_096).optional(),
    label: filled(LABEL_MAX_CHARACTERS).regex(/^\P{C}*$/u, 'must be one line, without control characters'),
    icon_file: filled(4_096).optional(),
    scope: filled(500)
      .refine(value => parseScope(value) !== null, 'must be scopes with one space between them')
      .optional(),
    claims: CLAIM_NAMES.optional(),
    email_domains: z
      .array(
        z.string().regex(DOMAIN, 'must be a domain such as example.com, in small letters'),
        'must be a list',
      )
      .min(1, 'must not be empty')
      .optional(),
    trust_email: flag,
    create_accounts: flag,
    form_origins: z.array(origin, 'must be a list of origins').optional(),
    api_url: issuer.optional(),
  },
  'must be an object with id, issuer, client_id and label',
)
const MEMBERS = Object.keys(ENTRY.shape)

/** The providers of an UPSTREAMS_FILE, or every fault in the file. */
export const parseUpstreams = (
  json: unknown,
): Readonly<{ entries: readonly UpstreamEntry[] } | { faults: readonly UpstreamFault[] }> => {
  if (!Array.isArray(json)) return { faults: [{ path: [], message: 'must be a JSON array of providers' }] }
  const parsed = json.map((given: unknown) => parseEntry(given))
  const entries = parsed.flatMap(each => ('entry' in each ? [each.entry] : []))
  const ids = json.map(idOf)
  const faults = parsed.flatMap((each, index) =>
    [
      ...('faults' in each ? each.faults : []),
      ...(ids[index] !== null && ids.indexOf(ids[index] ?? null) < index ? [TWICE] : []),
    ].map(({ path, message }) => ({
      path: [index, ...path],
      message: `${nameOf(ids[index] ?? null, index)}: ${[path.join('.'), message].join(' ').trim()}`,
    })),
  )
  return faults.length > 0 ? { faults } : { entries }
}

const TWICE: UpstreamFault = { path: ['id'], message: 'is listed twice: give one of the two another id' }

const idOf = (given: unknown): string | null =>
  typeof given === 'object' && given !== null && 'id' in given && typeof given.id === 'string'
    ? given.id
    : null

const nameOf = (id: string | null, index: number): string =>
  id === null || id === '' ? `provider number ${index + 1}` : `provider ${JSON.stringify(id.slice(0, 60))}`

const parseEntry = (
  given: unknown,
): Readonly<{ entry: UpstreamEntry } | { faults: readonly UpstreamFault[] }> => {
  const parsed = ENTRY.safeParse(given)
  if (!parsed.success) return { faults: parsed.error.issues.flatMap(faultsOf) }
  const faults = contradictions(parsed.data)
  return faults.length > 0 ? { faults } : { entry: entryOf(parsed.data) }
}

type Entry = z.output<typeof ENTRY>

const contradictions = ({ type = 'oidc', ...entry }: Entry): readonly UpstreamFault[] => {
  const isGithub = type === 'github'
  const hasSecret = entry.client_secret !== undefined || entry.client_secret_file !== undefined
  const rules: readonly (readonly [isBroken: boolean, member: string, message: string])[] = [
    [!isGithub && entry.issuer === undefined, 'issuer', 'is required'],
    [
      entry.client_secret !== undefined && entry.client_secret_file !== undefined,
      'client_secret_file',
      'must not be there beside client_secret',
    ],
    [isGithub && !hasSecret, 'client_secret', 'is required by GitHub: name it or client_secret_file'],
    [!isGithub && entry.api_url !== undefined, 'api_url', 'has a meaning for "type": "github" alone'],
    [isGithub && entry.claims !== undefined, 'claims', 'has no meaning for GitHub, whose claims are known'],
    [
      !isGithub && entry.scope !== undefined && !entry.scope.split(' ').includes('openid'),
      'scope',
      'must include openid: the provider sends no ID token without it',
    ],
  ]
  return rules.filter(([isBroken]) => isBroken).map(([, member, message]) => ({ path: [member], message }))
}

const entryOf = ({ type = 'oidc', ...entry }: Entry): UpstreamEntry => {
  const own = entry.issuer ?? LEAST_GITHUB
  const standard = type === 'github' ? 'read:user user:email' : 'openid profile email'
  return {
    upstream: {
      id: entry.id,
      type,
      issuer: own,
      client_id: entry.client_id,
      client_secret: entry.client_secret ?? null,
      label: entry.label,
      scope: entry.scope ?? standard,
      claims: claimsOf(entry.claims ?? {}),
      email_domains: entry.email_domains ?? null,
      trust_email: entry.trust_email ?? false,
      create_accounts: entry.create_accounts ?? false,
      form_origins: entry.form_origins ?? [],
      api_url: entry.api_url ?? (own === LEAST_GITHUB ? 'https://api.github.com' : `${own}/api/v3`),
    },
    client_secret_file: entry.client_secret_file ?? null,
    icon_file: entry.icon_file ?? null,
  }
}

const claimsOf = (given: NonNullable<Entry['claims']>): Upstream['claims'] => {
  const named = UPSTREAM_CLAIMS.map(name => [name, given[name] === undefined ? name : given[name]])
  return Object.fromEntries(named) as Upstream['claims']
}

function isWeb(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname, username, password } = new URL(value)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

function isOrigin(value: string): boolean {
  return isWeb(value) && new URL(value).origin === value && !value.includes('[')
}

const faultsOf = (issue: z.core.$ZodIssue): readonly UpstreamFault[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map(key => ({ path: [...issue.path, key], message: describeUnknown(key, issue.path) }))
    : [{ path: issue.path, message: issue.message }]

const describeUnknown = (member: string, path: readonly PropertyKey[]): string => {
  const known = path.length === 0 ? MEMBERS : UPSTREAM_CLAIMS
  const meant = nearestWord(member, known)
  return meant === null
    ? `is not a member that Signet knows: remove it; there may be ${known.join(', ')}`
    : `is not a member that Signet knows; did you mean ${meant}?`
}
