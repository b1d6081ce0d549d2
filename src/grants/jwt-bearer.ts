import { aboutFamily, aboutSignIn } from '../domain/base/log-fields.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import { accountKeyOf } from '../domain/exchange/assertion-issuers.ts'
import {
  assertedAuthTime,
  assertedResources,
  ID_JAG,
  isOfKey,
  JWT_BEARER_GRANT,
} from '../domain/exchange/issuer-assertion.ts'
import { exchangedScope } from '../domain/exchange/token-exchange.ts'
import { type AudiencePolicy, audienceFor, registeredResources } from '../domain/oauth/audience.ts'
import type { Client } from '../domain/oauth/client.ts'
import { type Form, requireParameter } from '../domain/oauth/form.ts'
import { OAuthError, type Reason } from '../domain/oauth/oauth-error.ts'
import { scopeLeft } from '../domain/oauth/scope.ts'
import type { AskClaims } from '../domain/sign-in/claims-hook.ts'
import type { AssertedAccounts } from '../ports/accounts.ts'
import type { Random } from '../ports/effects.ts'
import type { RefreshFamilies } from '../ports/sign-ins.ts'
import type { Grant } from './grant.ts'
import type { Issue } from './issue.ts'
import { mintFamily, senderKeyOf } from './mint-family.ts'
import type { IssuerJwt, VerifyByIssuer } from './verification/verify-by-issuer.ts'

type Needs = Readonly<{
  verifyByIssuer: VerifyByIssuer
  assertedAccounts: AssertedAccounts
  /** Opens a sign-in that ends with its access token. */
  openBriefFamily: RefreshFamilies['open']
  issue: Issue
  askClaims: AskClaims
  random: Random
  peppers: Peppers
  refresh_token_version: number
  policy: AudiencePolicy
  issuer: string
}>

/**
 * RFC 7523 §2.1, draft-ietf-oauth-identity-assertion-authz-grant – An identity provider that the operator lists asserts a person to a
 * client, which gets an access token without asking the person. Never a refresh token: the client asks its provider again. The sign-in has a
 * row like every other one, and ends with its token. Ours (docs/decisions/0052): no account is created, and none is found by an e-mail that its
 * owner did not verify.
 */
export const createJwtBearerGrant = (needs: Needs): Grant => ({
  grant_type: JWT_BEARER_GRANT,
  exchange: async ({ client, form, source, proveSender }) => {
    const { client_id } = client
    const jwt = await readAssertion(needs, client, form)
    const refuse = (reason: Reason, sub?: string) => new OAuthError(reason, aboutSignIn({ sub, client_id }))
    const granted = grantOf(needs.policy, { client, form, jwt })
    const key = accountKeyOf(jwt.issuer, {
      sub: jwt.once.sub,
      email: isVerified(jwt.claims['email_verified']) ? textOf(jwt.claims['email']) : undefined,
    })
    const account = key === null ? null : await needs.assertedAccounts.find(key)
    if (account === null) throw refuse('id_jag_account_unknown')
    if (account.isDisabled) throw refuse('id_jag_account_disabled', account.id)
    const jkt = await proveSender()
    if (!isOfKey(jwt.claims['cnf'], jkt)) throw refuse('id_jag_of_another_key', account.id)
    const opening = { ...granted, client_id, amr: [] }
    const asked = { ...opening, occasion: 'sign_in', sub: account.id, roles: account.roles } as const
    // Before the assertion is spent: the client presents it again when no answer comes.
    const claims = await needs.askClaims(asked)
    if (!(await needs.verifyByIssuer.spend(jwt))) throw refuse('id_jag_replayed', account.id)
    const { minted } = mintFamily(needs, account.id)
    const grant = { ...granted, jkt }
    const prepared = await needs.issue.prepare(client, grant, { sub: account.id, sid: minted.id })
    const family = await needs.openBriefFamily({
      ...minted,
      ...opening,
      user_id: account.id,
      credential_epoch: account.credential_epoch,
      claims,
      refresh_transport: 'body',
      sender_key: senderKeyOf(client, jkt),
      source,
    })
    if (family === null) throw refuse('id_jag_account_disabled', account.id)
    // The row has the time of the assertion, which is no proof by the person.
    const auth_time = assertedAuthTime(jwt.claims['auth_time'], family.at)
    const tokens = await needs.issue.toFamily({ ...family, auth_time, acr: null }, grant, prepared)
    return { tokens, about: aboutFamily(family) }
  },
})

/** What costs no query: the signature, for this server alone, for the client that presents it, by an issuer that may assert to it. */
const readAssertion = async (
  { verifyByIssuer, issuer }: Needs,
  { client_id }: Client,
  form: Form,
): Promise<IssuerJwt> => {
  const assertion = requireParameter(form, 'assertion')
  const verified = await verifyByIssuer.verify(assertion, { typ: ID_JAG.typ, audiences: [issuer] })
  if ('refusal' in verified) {
    const cause = verified.cause ?? verified.refusal
    throw new OAuthError('id_jag_refused', { client_id, cause })
  }
  if (verified.claims['client_id'] !== client_id)
    throw new OAuthError('id_jag_of_another_client', { client_id })
  if (!verified.issuer.clients.includes(client_id))
    throw new OAuthError('id_jag_issuer_not_for_client', { client_id })
  return verified
}

type Asserted = Readonly<{ client: Client; form: Form; jwt: IssuerJwt }>

/** What the client, the issuer, the assertion and the request all allow. */
const grantOf = (policy: AudiencePolicy, { client, form, jwt: { issuer, claims } }: Asserted) => {
  const { client_id } = client
  const registered = scopeLeft(client.scope, issuer.scope)
  const asserted = claims['scope'] === undefined ? registered : textOf(claims['scope'])
  const resources = assertedResources(claims['resource'])
  if (asserted === undefined || resources === undefined)
    throw new OAuthError('id_jag_refused', { client_id, cause: 'claims' })
  const scope = exchangedScope(form.get('scope'), { granted: asserted, registered })
  if (resources === null) return { scope, audience: audienceFor(client, form.resources, policy) }
  const allowed = registeredResources(client, resources, policy)
  const asked = registeredResources(client, form.resources, policy)
  if (!asked.every(each => allowed.includes(each)))
    throw new OAuthError('resource_not_granted', { client_id })
  return { scope, audience: audienceFor(client, asked.length > 0 ? asked : allowed, policy) }
}

/** OpenID Connect Core §5.1 – Ours: where the claim is absent the listed domain speaks for it; `"false"` and what is not understood deny it. */
const isVerified = (claim: unknown): boolean => claim === undefined || claim === true || claim === 'true'

const textOf = (claim: unknown): string | undefined => (typeof claim === 'string' ? claim : undefined)
