import { metadata, redirectUri } from '../oauth/client-metadata.ts'
import { isServerScope, parseScope } from '../oauth/scope.ts'
import { listOf, memberTextOf, type SourceRecord } from './source-record.ts'

/** What could not be taken over of a client: the member as the provider calls it, why, and what its operator can do. */
export type ClientNote = Readonly<{ member: string; reason: string; remedy: string }>

/**
 * What a client of a provider's export comes to. `members` are those of CLIENTS_FILE but `client_id` and the secret, which are judged as
 * such. A client that is left out has the reason; `is_built_in` tells the provider's own clients, which no operator misses.
 */
export type ConvertedClient = Readonly<
  { client_id: string } & (
    | { members: Readonly<Record<string, unknown>>; secret: string | null; notes: readonly ClientNote[] }
    | { left_out: ClientNote; is_built_in: boolean }
  )
>

/** Null for a record that is no client. */
export type ConvertClient = (record: SourceRecord) => ConvertedClient | null

type Kept<T> = Readonly<{ kept: T; notes: readonly ClientNote[] }>
type Rule = readonly [applies: boolean, member: string, reason: string, remedy: string]

/** The notes of the rules that apply. */
export const notesOf = (rules: readonly Rule[]): readonly ClientNote[] =>
  rules.filter(([applies]) => applies).map(([, member, reason, remedy]) => ({ member, reason, remedy }))

export const textsOf = (value: unknown): readonly string[] =>
  listOf(value).filter(item => typeof item === 'string')

/** RFC 6749 §3.1.2 – The addresses that can be registered. Each of the others is named, and the client is taken without it. */
export const keepUris = (member: string, uris: readonly string[]): Kept<readonly string[]> => {
  const judged = [...new Set(uris)].map(uri => ({ uri, parsed: redirectUri.safeParse(uri) }))
  return {
    kept: judged.filter(({ parsed }) => parsed.success).map(({ uri }) => uri),
    notes: judged.flatMap(({ uri, parsed }) =>
      parsed.success
        ? []
        : [
            {
              member,
              reason: `${uri} ${parsed.error.issues[0]?.message ?? 'cannot be registered'}`,
              remedy: 'add each exact address to the registration that needs it',
            },
          ],
    ),
  }
}

const { client_name, client_uri, logo_uri, policy_uri, tos_uri } = metadata.shape
const SHOWN = { client_name, client_uri, logo_uri, policy_uri, tos_uri }

/** What people are shown of a client. A value that no page may show is left out. `given` has the provider's name of each member. */
export const keepShown = (
  given: Readonly<Partial<Record<keyof typeof SHOWN, readonly [member: string, value: unknown]>>>,
): Kept<Readonly<Record<string, unknown>>> => {
  const kept: Record<string, unknown> = {}
  const notes: ClientNote[] = []
  for (const [name, schema] of Object.entries(SHOWN)) {
    const [member, value] = Object.entries(given).find(([key]) => key === name)?.[1] ?? [name, null]
    const text = memberTextOf(value)
    if (text === null) continue
    const parsed = schema.safeParse(text)
    if (parsed.success) kept[name] = text
    else
      notes.push({
        member,
        reason: parsed.error.issues[0]?.message ?? 'cannot be shown',
        remedy: `give the client another ${name}, or none`,
      })
  }
  return { kept, notes }
}

/**
 * RFC 6749 §3.3 – The words that are scope tokens. A word that no server knows is kept: its API may mean something by it. One of Signet's own
 * scopes is not: at another provider a stranger may have registered a client with any scope, and the import would make it an administrator.
 */
export const keepScope = (member: string, words: readonly string[]): Kept<string> => {
  const given = [...new Set(words)].filter(word => word !== '')
  const judged = given.map(word => ({ word, fault: faultOfScope(word) }))
  return {
    kept: judged.flatMap(({ word, fault }) => (fault === null ? [word] : [])).join(' '),
    notes: judged.flatMap(({ word, fault }) =>
      fault === null ? [] : [{ member, reason: `${word} ${fault.reason}`, remedy: fault.remedy }],
    ),
  }
}

const faultOfScope = (word: string): Omit<ClientNote, 'member'> | null => {
  if (/[ *]/.test(word) || parseScope(word) === null)
    return {
      reason: 'is no scope token that can be registered',
      remedy: 'register each scope token by its full name',
    }
  return isServerScope(word)
    ? {
        reason: 'is a scope of Signet itself, which no import gives',
        remedy: 'give it to a client of CLIENTS_FILE, if it may administer this server',
      }
    : null
}

/** A secret that can be kept as a digest. Null: there is none, or it is too short to be safe. */
export const keepSecret = (member: string, given: unknown): Kept<string | null> => {
  const text = memberTextOf(given)
  if (text === null) return { kept: null, notes: [] }
  const parsed = metadata.shape.client_secret.safeParse(text)
  if (parsed.success) return { kept: text, notes: [] }
  return {
    kept: null,
    notes: [
      { member, reason: 'the secret is too short', remedy: 'give the client a new one: --generate-secrets' },
    ],
  }
}

/** Members that have their default are not written. */
export const membersOf = (members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(members).filter(
      ([, value]) =>
        value !== undefined &&
        value !== null &&
        value !== '' &&
        !(Array.isArray(value) && value.length === 0),
    ),
  )

/** RFC 7636 – Of a confidential client whose requests had no challenge: it goes on, and can be made stricter. */
export const PKCE_NOT_REQUIRED =
  'the client was not made to use PKCE: its requests must carry a challenge, a nonce or a state'
export const PKCE_REMEDY = 'remove require_pkce when the client sends a challenge'
export const PKCE_OF_PUBLIC = 'a public client must use PKCE with S256'
export const PKCE_OF_PUBLIC_REMEDY = 'see that its library sends a code_challenge'
export const BY_REGISTRATION = 'Signet has no such setting of a client'
export const NO_REMEDY = 'nothing, unless the application relies on it'
