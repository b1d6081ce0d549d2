import { z } from 'zod'
import { judgeEmail, normalizeEmail } from '../account/account.ts'
import { judgeExternalId } from '../account/external-id.ts'
import { publicJwk } from '../oauth/client-metadata.ts'
import type { ClientFault, ClientPolicy } from '../oauth/parse-clients.ts'
import { isWebUri } from '../oauth/redirect-uri.ts'
import { parseScope } from '../oauth/scope.ts'
import { judgeOutboundUrl } from '../outbound/outbound-target.ts'

const text = z
  .string('must be a string')
  .min(1, 'must not be empty')
  .max(2000, 'must be 2000 characters at most')
const listOf = <T extends z.ZodType>(item: T) => z.array(item, 'must be a list')
const DOMAIN = /^[a-z\d](?:[a-z\d-]*[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]*[a-z\d])?)+$/

/** RFC 7517 §5 – Ours: keys of an issuer, at most. */
const KEYS_MOST = 100

/** How the people of an issuer are found among the accounts. */
const subject = z.discriminatedUnion(
  'by',
  [
    z.strictObject({
      by: z.literal('external_id'),
      prefix: z.string('must be a string').max(200).default(''),
    }),
    z.strictObject({
      by: z.literal('email'),
      domains: listOf(z.string().regex(DOMAIN, 'must be a domain in lower case')).min(
        1,
        'must name a domain',
      ),
    }),
  ],
  'must be { "by": "external_id" } or { "by": "email", "domains": […] }',
)

const entry = z.strictObject(
  {
    issuer: text.refine(isWebUri, 'must be https, or http on loopback, without a fragment'),
    jwks_uri: text.optional(),
    jwks: z
      .object({ keys: listOf(publicJwk).min(1, 'must hold a public key').max(KEYS_MOST) }, 'must have keys')
      .optional(),
    subject,
    clients: listOf(text).default([]),
    scope: z
      .string('must be a string')
      .default('')
      .refine(scope => parseScope(scope) !== null, 'must be scope tokens separated by single spaces'),
    global_token_revocation: z.boolean('must be true or false').default(false),
  },
  'must be an object, one issuer',
)

/**
 * RFC 7521 §3 – An issuer whose assertions are taken. Ours: `clients` may present them and get `scope` at most, and with
 * `global_token_revocation` it may end everything of its own people.
 */
export type AssertionIssuer = Readonly<z.output<typeof entry>>

/** By the issuer, letter by letter. */
export type AssertionIssuers = ReadonlyMap<string, AssertionIssuer>

/** The issuers of an ASSERTION_ISSUERS_FILE, or every fault in the file. */
export const parseAssertionIssuers = (
  json: unknown,
  policy: ClientPolicy,
): Readonly<{ issuers: AssertionIssuers } | { faults: readonly ClientFault[] }> => {
  if (!Array.isArray(json)) return { faults: [{ path: [], message: 'must be a JSON array of issuers' }] }
  const parsed = json.map(each => entry.safeParse(each))
  const issuers = parsed.flatMap(({ data }) => (data === undefined ? [] : [data]))
  const faults = parsed.flatMap(({ error }, index) =>
    (error?.issues ?? []).flatMap(faultsOf).map(({ path, message }) => ({ path: [index, ...path], message })),
  )
  // What issuers say of each other is judged where each of them is understood.
  const found =
    faults.length > 0
      ? faults
      : issuers.flatMap((each, index) => contradictions(issuers, { each, index, policy }))
  if (found.length === 0) return { issuers: new Map(issuers.map(each => [each.issuer, each])) }
  return {
    faults: found.map(({ path, message }) => {
      const [index = 0, ...members] = path
      return {
        path,
        message: [`issuer number ${Number(index) + 1}: ${members.join('.')}`, message].join(' '),
      }
    }),
  }
}

const faultsOf = (issue: z.core.$ZodIssue): readonly ClientFault[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map(key => ({
        path: [...issue.path, key],
        message: 'is not a member that Signet knows: remove it; docs/assertions.md lists the members',
      }))
    : [{ path: issue.path, message: issue.message }]

type Judged = Readonly<{ each: AssertionIssuer; index: number; policy: ClientPolicy }>

/** Ours: two issuers never name one account in the same way, so that neither can sign in or sign out the people of the other. */
const contradictions = (
  all: readonly AssertionIssuer[],
  { each, index, policy }: Judged,
): readonly ClientFault[] => {
  const others = all.filter(other => other !== each)
  const uri = each.jwks_uri === undefined ? null : judgeOutboundUrl(each.jwks_uri, policy.outbound_allow)
  const rules: readonly (readonly [isBroken: boolean, member: string, message: string])[] = [
    [each.issuer === policy.issuer, 'issuer', 'is this server itself'],
    [others.some(({ issuer }) => issuer === each.issuer), 'issuer', 'is listed twice'],
    [
      (each.jwks_uri === undefined) === (each.jwks === undefined),
      'jwks_uri',
      'or jwks is required, and not both',
    ],
    [
      uri !== null && 'refusal' in uri,
      'jwks_uri',
      'must be https to a public address, or one that OUTBOUND_ALLOW names',
    ],
    [
      others.some(other => shareAccounts(each, other)),
      'subject',
      'could name the people of another issuer: give each issuer a prefix, or domains, of its own',
    ],
  ]
  return rules
    .filter(([isBroken]) => isBroken)
    .map(([, member, message]) => ({ path: [index, member], message }))
}

const shareAccounts = ({ subject: one }: AssertionIssuer, { subject: other }: AssertionIssuer): boolean => {
  if (one.by === 'external_id')
    return (
      other.by === 'external_id' &&
      (one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix))
    )
  return other.by === 'email' && one.domains.some(domain => other.domains.includes(domain))
}

/** The person whom an issuer names. */
export type AssertedSubject = Readonly<{ sub?: string | undefined; email?: string | undefined }>

/** What an account is looked up by. */
export type AccountKey = Readonly<{ external_id: string } | { verified_email: string }>

/**
 * Ours – What the account of an issuer's person is found by, as the file says for this issuer. Null for a person whom it cannot name: an
 * e-mail of another domain, or an id that no account can have.
 */
export const accountKeyOf = (
  { subject }: AssertionIssuer,
  { sub, email }: AssertedSubject,
): AccountKey | null => {
  if (subject.by === 'external_id') {
    const external_id = `${subject.prefix}${sub ?? ''}`
    return sub === undefined || sub === '' || judgeExternalId(external_id) !== null ? null : { external_id }
  }
  const verified_email = normalizeEmail(email ?? '')
  const domain = verified_email.slice(verified_email.lastIndexOf('@') + 1)
  return judgeEmail(verified_email) === null && subject.domains.includes(domain) ? { verified_email } : null
}
