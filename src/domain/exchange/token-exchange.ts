import type { ActorClaim } from '../oauth/access-token.ts'
import type { Client, ExchangePolicy } from '../oauth/client.ts'
import type { Form } from '../oauth/form.ts'
import { OAuthError } from '../oauth/oauth-error.ts'
import { findSpelling, isResource } from '../oauth/resource.ts'
import { narrowScope, scopeLeft } from '../oauth/scope.ts'

/** RFC 8693 §2.1 */
export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** RFC 8693 §3 – Ours: an access token of this server is a JWT, and may be called by either name. */
export const TOKEN_TYPES = {
  access_token: 'urn:ietf:params:oauth:token-type:access_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const

/** Ours: clients that may have acted for a person, one behind the other, by one token. */
export const ACTORS_MOST = 4

/** Ours: spellings of the one audience in a request, at most. Each is compared with every registered audience. */
const SPELLINGS_MOST = 8

/**
 * RFC 8693 §2.1, §2.2.2 – The registered exchange whose audience `resource` or `audience` names; without either, the client's first one.
 * Ours: a token is for one audience, so that no service can use it at another one. Throws `invalid_target`.
 */
export const requestedExchange = ({ token_exchange }: Client, form: Form): ExchangePolicy => {
  if (!form.resources.every(isResource)) throw new OAuthError('resource_malformed')
  const named = form.get('audience')
  const asked = [...new Set(named === undefined ? form.resources : [...form.resources, named])]
  if (asked.length > SPELLINGS_MOST) throw new OAuthError('exchange_of_several_targets')
  const audiences = token_exchange.map(({ audience }) => audience)
  const spellings = asked.map(each => findSpelling(each, audiences))
  const [audience = audiences[0], ...others] = new Set(spellings)
  const policy = token_exchange.find(each => each.audience === audience)
  if (policy === undefined || spellings.includes(undefined)) throw new OAuthError('resource_not_registered')
  if (others.length > 0) throw new OAuthError('exchange_of_several_targets')
  return policy
}

type Bounds = Readonly<{
  /** The scope that the subject token still has. */
  granted: string
  /** The scope of the registered exchange. */
  registered: string
}>

/**
 * RFC 8693 §2.1 – The scope of the new token: what both the subject token and the registered exchange have, or the requested part of it.
 * Throws `invalid_scope` for a scope beyond one of the two, and where they have nothing in common.
 */
export const exchangedScope = (requested: string | undefined, { granted, registered }: Bounds): string => {
  const left = scopeLeft(granted, registered)
  if (requested === undefined) {
    if (left === '' && registered !== '') throw new OAuthError('scope_not_granted')
    return left
  }
  const scope = narrowScope(requested, registered)
  if (scopeLeft(scope, left) !== scope) throw new OAuthError('scope_not_granted')
  return scope
}

/**
 * RFC 8693 §4.1 – The client that acts now, before those that have acted to get the subject token. Null beyond ACTORS_MOST: each further
 * service is one more that could misuse what the person allowed.
 */
export const actorsWith = (client_id: string, before: ActorClaim | undefined): ActorClaim | null => {
  if (before === undefined) return { sub: client_id }
  return countActors(before) < ACTORS_MOST ? { sub: client_id, act: before } : null
}

const countActors = ({ act }: ActorClaim): number => (act === undefined ? 1 : 1 + countActors(act))

/**
 * RFC 8693 §4.4 – True for a client that `may_act` names, by `sub` and by each other member that a client has. Ours: a claim that is not
 * understood allows no client.
 */
export const mayAct = (
  may_act: unknown,
  { client_id, issuer }: Readonly<{ client_id: string; issuer: string }>,
): boolean => {
  if (may_act === undefined) return true
  if (typeof may_act !== 'object' || may_act === null || !('sub' in may_act)) return false
  const expected: Readonly<Record<string, string>> = { sub: client_id, client_id, iss: issuer }
  return Object.entries(may_act).every(([name, value]) => expected[name] === value)
}
