import { aboutSignIn } from '../domain/base/log-fields.ts'
import { SESSION_TOKEN_TYPE } from '../domain/exchange/session-exchange.ts'
import {
  actorsWith,
  exchangedScope,
  mayAct,
  requestedExchange,
  TOKEN_EXCHANGE_GRANT,
  TOKEN_TYPES,
} from '../domain/exchange/token-exchange.ts'
import type { AccessTokenClaims } from '../domain/oauth/access-token.ts'
import type { Client } from '../domain/oauth/client.ts'
import { type Form, requireParameter } from '../domain/oauth/form.ts'
import { OAuthError, type Reason } from '../domain/oauth/oauth-error.ts'
import { findSpelling } from '../domain/oauth/resource.ts'
import type { Grant, GrantRequest } from './grant.ts'
import type { Issue } from './issue.ts'
import type { OwnTokens } from './verification/own-tokens.ts'

type Needs = Readonly<{
  ownTokens: OwnTokens
  issue: Issue
  issuer: string
  /** Of sessions of applications; null where the operator has no verifier of them. */
  exchangeSession: Grant['exchange'] | null
}>

/** RFC 8693 §2 – Exchanges a token of a type that is listed here. Each type is a grant of its own: a line and a function. */
export const createTokenExchangeGrant = (needs: Needs): Grant => {
  const exchangeOwn = createExchangeOwn(needs)
  const bySubjectType: ReadonlyMap<string, Grant['exchange']> = new Map([
    [TOKEN_TYPES.access_token, exchangeOwn],
    [TOKEN_TYPES.jwt, exchangeOwn],
    ...(needs.exchangeSession === null ? [] : [[SESSION_TOKEN_TYPE, needs.exchangeSession] as const]),
  ])
  return {
    grant_type: TOKEN_EXCHANGE_GRANT,
    exchange: request => {
      const { form, client } = request
      const { client_id } = client
      const exchange = bySubjectType.get(requireParameter(form, 'subject_token_type'))
      if (exchange === undefined) throw new OAuthError('exchange_subject_type', { client_id })
      const requested = form.get('requested_token_type') ?? TOKEN_TYPES.access_token
      if (requested !== TOKEN_TYPES.access_token)
        throw new OAuthError('exchange_requested_type', { client_id })
      return exchange(request)
    },
  }
}

/**
 * RFC 8693 §2.1, §2.2 – A service that was sent an access token of this server gets a narrower one, by which it acts for the person at
 * another service. Nothing is written: the new token is of the same sign-in and ends with it. Whether that lives is asked last, because it
 * is the only query. Ours (docs/decisions/0048): a token that is bound to a key is exchanged with a proof of the client's own key alone, so
 * that no exchange makes a bearer token of it.
 */
const createExchangeOwn =
  ({ ownTokens, issue, issuer }: Needs): Grant['exchange'] =>
  async ({ client, form, proveSender }) => {
    const { client_id } = client
    const own = await ownTokens.read(requireParameter(form, 'subject_token'))
    if (own === null) throw new OAuthError('exchange_subject_not_living', { client_id })
    const { claims, remaining } = own
    const about = aboutSignIn({ ...claims, client_id })
    const refuse = (reason: Reason) => new OAuthError(reason, about)
    if (!isAddressedTo(client, { audience: remaining.audience, issuer }))
      throw refuse('exchange_subject_not_addressed')
    const { sid } = claims
    if (sid === undefined) throw refuse('exchange_subject_of_no_person')
    if (!mayAct(claims.may_act, { client_id, issuer })) throw refuse('exchange_may_not_act')
    const act = actorsWith(client_id, claims.act)
    if (act === null) throw refuse('exchange_by_too_many')
    const target = requestedExchange(client, form)
    const scope = exchangedScope(form.get('scope'), { granted: remaining.scope, registered: target.scope })
    const actor = await readActor(ownTokens, { client, form })
    const jkt = await proveSender()
    if (jkt === null && claims.cnf !== undefined) throw refuse('dpop_proof_missing')
    if (actor?.cnf !== undefined && actor.cnf.jkt !== jkt) throw refuse('exchange_actor_refused')
    if (actor !== null && (await ownTokens.livingAt(actor)) === null) throw refuse('exchange_actor_refused')
    const at = await ownTokens.livingAt(claims)
    if (at === null) throw refuse('exchange_subject_not_living')
    const grant = { scope, audience: [target.audience], jkt }
    const tokens = await issue.toActor(client, { ...grant, subject: { ...claims, sid }, act, at })
    return { tokens: { ...tokens, issued_token_type: TOKEN_TYPES.access_token }, about }
  }

type Addressed = Readonly<{ audience: readonly string[]; issuer: string }>

/** By the rule of introspection (RFC 7662 §2.1). Ours: a token for the account API is for no other service, whatever it protects. */
const isAddressedTo = ({ protected_resources }: Client, { audience, issuer }: Addressed): boolean =>
  !audience.includes(issuer) && audience.some(each => findSpelling(each, protected_resources) !== undefined)

/**
 * RFC 8693 §2.1 – The token of the party that acts. Ours: the client itself acts, with or without this token; a token of another party is
 * refused and never ignored. Null where none is given.
 */
const readActor = async (
  ownTokens: OwnTokens,
  { client, form }: Pick<GrantRequest, 'client' | 'form'>,
): Promise<AccessTokenClaims | null> => {
  const { client_id } = client
  const token = readActorToken(form)
  if (token === null) return null
  const actor = await ownTokens.read(token)
  const isOfClient = actor?.claims.client_id === client_id && actor.claims.sub === client_id
  if (actor === null || !isOfClient || actor.claims.sid !== undefined)
    throw new OAuthError('exchange_actor_refused', { client_id })
  return actor.claims
}

const readActorToken = (form: Form): string | null => {
  const token = form.get('actor_token')
  const type = form.get('actor_token_type')
  if (token === undefined && type === undefined) return null
  if (token === undefined || (type !== TOKEN_TYPES.access_token && type !== TOKEN_TYPES.jwt))
    throw new OAuthError('exchange_actor_type')
  return token
}
