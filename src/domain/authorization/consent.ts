import { type Digest, sameDigest } from '../base/digest.ts'
import { type Client, DOCUMENT_PARTS, type DocumentPart } from '../oauth/client.ts'
import { IDENTITY_SCOPES } from '../oauth/identity-claims.ts'
import type { ScopeCatalogue } from './scope-catalogue.ts'

/**
 * What a person has granted to a client: pairs of a scope and a resource, as `grantsOf` writes them. Whether a code's version is still
 * the consent's is judged in SQL, by store/codes/issue-code.ts and store/codes/judge-codes.ts.
 */
export type Consent = Readonly<{
  /** Raised by each withdrawal: a code of an earlier version buys nothing. */
  version: number
  granted: readonly string[]
  /** Optional scopes that the person left out when they were last asked. */
  declined: readonly string[]
  /** What the client's document said when the person was asked last; null or absent for a client that is registered here. */
  document_digest?: Digest<'client_document'> | null | undefined
  /** The same as the client's; null where the person was asked by a version that did not keep them. */
  document_parts?: Uint8Array | null | undefined
}>

/**
 * draft-ietf-oauth-client-id-metadata-document §6 – Consent to a client whose document has changed in what people rely on counts for
 * nothing: its redirect URIs, its keys or its name. The person is asked again for everything.
 */
export const consentToUnchanged = (
  consent: Consent | null,
  { document_digest }: Pick<Client, 'document_digest'>,
): Consent | null => {
  const known = consent?.document_digest ?? null
  const now = document_digest ?? null
  const isSame = known === null || now === null ? known === now : sameDigest(known, now)
  return isSame ? consent : null
}

/**
 * draft-ietf-oauth-client-id-metadata-document §6 – Which description of a client a consent page shows, as the page keeps it: the client may
 * change while the person reads. Null for a client that an operator has registered.
 */
export const shownDocumentOf = ({ document_digest }: Pick<Client, 'document_digest'>): string | null =>
  document_digest === undefined ? null : Buffer.from(document_digest).toString('base64url')

/**
 * Ours – What has changed in a client since a person allowed something to it; empty where it is not known what. Undefined where nothing
 * has changed, or where nothing was allowed.
 */
export const changesSince = (
  consent: Consent | null,
  client: Pick<Client, 'document_digest' | 'document_parts'>,
): readonly DocumentPart[] | undefined => {
  if (consent === null || consent.granted.length === 0) return undefined
  if (consentToUnchanged(consent, client) !== null) return undefined
  const [before, now] = [partsOf(consent.document_parts), partsOf(client.document_parts)]
  if (before.length !== now.length) return []
  return DOCUMENT_PARTS.filter((_, index) => before[index] !== now[index])
}

const DIGEST_BYTES = 32

const partsOf = (parts: Uint8Array | null | undefined): readonly string[] => {
  const bytes = Buffer.from(parts ?? [])
  return Array.from({ length: bytes.length / DIGEST_BYTES }, (_, index) =>
    bytes.toString('hex', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
  )
}

/** A client to which a person has granted something, for the account page. */
export type ConsentRecord = Omit<Consent, 'declined' | 'document_digest' | 'document_parts'> &
  Readonly<{ client_id: string; granted_at: Date }>

/** Such a scope is about the person and no resource: consent to it holds for every resource. */
const isIdentityScope = (scope: string): boolean => IDENTITY_SCOPES.includes(scope)

/** Ours – Each scope with each resource that it is granted for, in one text; an identity scope by itself. Neither holds a space. */
export const grantsOf = (scope: readonly string[], resources: readonly string[]): readonly string[] =>
  scope.flatMap(each => (isIdentityScope(each) ? [each] : resources.map(resource => `${each} ${resource}`)))

/** A scope of a request, as the person last decided on it for all resources of the request. */
export type ScopeStanding = Readonly<{ scope: string; standing: 'granted' | 'declined' | 'new' }>

type Asked = Readonly<{ scope: readonly string[]; resources: readonly string[] }>

/**
 * Ours (docs/decisions/0038) – A scope counts as declined while it is optional: one that no longer is must be asked for. A scope that
 * stands in both lists counts as granted.
 */
export const standingsOf = (
  { scope, resources }: Asked,
  { consent, catalogue }: Readonly<{ consent: Consent | null; catalogue: ScopeCatalogue }>,
): readonly ScopeStanding[] => {
  const isIn = (pairs: readonly string[] | undefined) => {
    const known = new Set(pairs)
    return (each: string) => grantsOf([each], resources).every(pair => known.has(pair))
  }
  const [isGranted, isDeclined] = [isIn(consent?.granted), isIn(consent?.declined)]
  const standingOf = (each: string): ScopeStanding['standing'] => {
    if (isGranted(each)) return 'granted'
    return isDeclined(each) && catalogue.get(each)?.isOptional === true ? 'declined' : 'new'
  }
  return scope.map(each => ({ scope: each, standing: standingOf(each) }))
}

/** A scope as the consent page shows it. */
export type ScopeAsked = Readonly<{
  scope: string
  isGrantedBefore: boolean
  /** Whether the box of an optional scope is ticked; null for a scope without a box. */
  isTicked: boolean | null
}>

/** Ours – Earlier choices are preset. What was granted before has a box where the person is asked for everything again. */
export const scopesToShow = (
  standings: readonly ScopeStanding[],
  { catalogue, isAskedAgain }: Readonly<{ catalogue: ScopeCatalogue; isAskedAgain: boolean }>,
): readonly ScopeAsked[] =>
  standings.map(({ scope, standing }) => {
    const entry = catalogue.get(scope)
    const isGrantedBefore = standing === 'granted'
    const hasBox = entry?.isOptional === true && (isAskedAgain || !isGrantedBefore)
    const preset = { granted: true, declined: false, new: entry?.isTicked ?? true }[standing]
    return { scope, isGrantedBefore, isTicked: hasBox ? preset : null }
  })

/**
 * Ours – The scopes that an answered consent page allows: those without a box, and those whose box is ticked. A scope that the form names
 * and that had no box on the page is ignored.
 */
export const scopesAllowed = (
  asked: readonly string[],
  { choices, ticked }: Readonly<{ choices: readonly string[]; ticked: readonly string[] }>,
): readonly string[] => asked.filter(scope => !choices.includes(scope) || ticked.includes(scope))
