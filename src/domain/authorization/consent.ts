import { IDENTITY_SCOPES } from '../oauth/identity-claims.ts'

/**
 * What a person has granted to a client: pairs of a scope and a resource, as `grantsOf` writes them. Whether a code's version is still
 * the consent's is judged in SQL, by store/codes/issue-code.ts and store/codes/redeem-code.ts.
 */
export type Consent = Readonly<{
  /** Raised by each withdrawal: a code of an earlier version buys nothing. */
  version: number
  granted: readonly string[]
}>

/** A client to which a person has granted something, for the account page. */
export type ConsentRecord = Consent & Readonly<{ client_id: string; granted_at: Date }>

/** Such a scope is about the person and no resource: consent to it holds for every resource. */
const isIdentityScope = (scope: string): boolean => IDENTITY_SCOPES.includes(scope)

/** Ours – Each scope with each resource that it is granted for, in one text; an identity scope by itself. Neither holds a space. */
export const grantsOf = (scope: readonly string[], resources: readonly string[]): readonly string[] =>
  scope.flatMap(each => (isIdentityScope(each) ? [each] : resources.map(resource => `${each} ${resource}`)))

/** Ours – The scopes of a request that were not granted yet for all of its resources. */
export const scopesToAsk = (
  { scope, resources }: Readonly<{ scope: readonly string[]; resources: readonly string[] }>,
  consent: Consent | null,
): readonly string[] => {
  const granted = new Set(consent?.granted)
  return scope.filter(each => !grantsOf([each], resources).every(grant => granted.has(grant)))
}
