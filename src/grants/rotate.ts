import { digestOf } from '../domain/base/digest.ts'
import { type Peppers, pepperById } from '../domain/base/pepper.ts'
import type { RequireLength } from '../domain/oauth/access-token-length.ts'
import { type AudiencePolicy, asRegistered, audienceFor, audienceOfSignIn } from '../domain/oauth/audience.ts'
import type { Client } from '../domain/oauth/client.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import { narrowScope, scopeLeft } from '../domain/oauth/scope.ts'
import type { AccessTokenResponse } from '../domain/oauth/token-response.ts'
import type { Family, RefreshTransport, RequestSource } from '../domain/sign-in/refresh-family.ts'
import {
  GENERATION_MAX,
  type PresentedRefreshToken,
  parseRefreshToken,
  type RefreshToken,
  refreshTokenAt,
  retryProofOf,
} from '../domain/sign-in/refresh-token.ts'
import { reasonOf } from '../domain/sign-in/refresh-verdict.ts'
import type { Metrics } from '../ports/effects.ts'
import type { Limit } from '../ports/limits.ts'
import type { LivingFamily, RefreshFamilies } from '../ports/sign-ins.ts'
import type { Issue, Prepared } from './issue.ts'
import { findExcess, tooMany } from './refresh-limit.ts'
import type { RaiseAlert, Suspicion } from './security-alert.ts'

type Needs = Readonly<{
  refreshFamilies: RefreshFamilies
  issue: Issue
  peppers: Peppers
  policy: AudiencePolicy
  isBounded: RequireLength['isBounded']
  /** For one sign-in, wherever its refreshes come from. */
  limit: Limit
  metrics: Metrics
  raiseAlert: RaiseAlert
}>

export type RotateRequest = Readonly<{
  client: Client
  token: PresentedRefreshToken
  refresh_transport: RefreshTransport
  /** Null: all that was granted. */
  scope: readonly string[] | null
  resources: readonly string[]
  idempotency_key: string | undefined
  source: RequestSource
}>

export type Rotated = Readonly<{ tokens: AccessTokenResponse; refresh_token: RefreshToken; family: Family }>

export type Rotate = (request: RotateRequest) => Promise<Rotated>

/**
 * RFC 6749 §6, RFC 9700 §4.14.2 – Trades a refresh token for its successor and a fresh access token; ends the family when a
 * spent one comes back. The verdict is the store's, on the locked row; here it becomes an answer.
 */
export const createRotate = (needs: Needs): Rotate => {
  const present = createPresent(needs)
  return async asked => {
    const request = requireRegistered(needs, asked)
    const { client, token } = request
    const presented = { client_id: client.client_id, token }
    const excess = await findExcess(needs, presented)
    const prepared = excess === null ? await prepare(needs, request) : NOTHING
    const { rotation, successor } = await present(request)
    needs.metrics.judged(rotation.verdict)
    const whose = { client_id: client.client_id, sid: token.family_id }
    const alert = createAlert(needs, request)
    switch (rotation.verdict) {
      case 'rotated':
        if (prepared === NOTHING) throw new Error('a token that was not current was rotated')
        return answer(needs, request, { family: rotation.family, refresh_token: successor, prepared })
      case 'replayed':
        if (excess !== null) throw tooMany(excess, presented)
        return replay(needs, request, { family: rotation.family, prepared })
      case 'denied':
        if (rotation.denial === 'wrong_salt')
          alert('wrong_salt', 'a refresh token with a valid MAC names a foreign salt')
        throw new OAuthError(reasonOf(rotation.denial), whose)
      case 'scope_exceeded':
      case 'resource_exceeded':
        throw new OAuthError(reasonOf(rotation.verdict), { client_id: client.client_id })
      case 'forged':
        alert(
          'forged',
          'a refresh token with a valid MAC was never issued: leaked pepper, or a database set back?',
        )
        throw new OAuthError(reasonOf(rotation.verdict), whose)
      case 'reused':
        alert('reused', 'a spent refresh token was presented: its family is ended')
        throw new OAuthError(reasonOf(rotation.verdict), whose)
    }
  }
}

/** Reads a refresh token. Throws `invalid_grant` for what was never one of ours. */
export const readRefreshToken = (text: string, peppers: Peppers): PresentedRefreshToken => {
  const token = parseRefreshToken(text, peppers)
  if (token === null) throw new OAuthError('refresh_malformed')
  return token
}

/** What the client may not ask for at all is refused before the token is looked at: it stays usable. */
const requireRegistered = ({ policy }: Needs, request: RotateRequest): RotateRequest => {
  const { client, scope, resources } = request
  if (scope !== null) narrowScope(scope.join(' '), client.scope)
  const asked = asRegistered(client, resources, policy)
  return { ...request, resources: asked.length > 0 ? audienceFor(client, asked, policy) : [] }
}

/** Where no token is going to be issued. */
const NOTHING: Prepared = { jti: '', status: null }

/**
 * Before the rotation: what fails after it is a 503 to a client whose token is spent, and what is refused after it costs a client
 * its sign-in. Only a family that would be rotated takes a place in a list: dead tokens, presented again and again, must not fill
 * the lists.
 */
const prepare = async (needs: Needs, request: RotateRequest): Promise<Prepared> => {
  const { refreshFamilies, issue, isBounded, policy } = needs
  const { client, token, scope, resources } = request
  const isReadFirst = client.status_list || !isBounded(client)
  const family = isReadFirst ? await refreshFamilies.findLiving(token) : null
  const grant = {
    scope: scope?.join(' ') ?? scopeLeft(family?.scope ?? client.scope, client.scope),
    audience: audienceOfSignIn(client, { resources, granted: family?.audience ?? [] }, policy),
  }
  const isListed = family !== null && isPresentable(family, request)
  return issue.prepare(client, grant, isListed ? { sub: family.user_id, sid: family.id } : null)
}

/** Whether nothing that never changes of a family stands against the request; the rest is judged on the locked row. */
const isPresentable = (
  family: LivingFamily,
  { client, refresh_transport, scope, resources }: RotateRequest,
): boolean => {
  const granted = family.scope.split(' ')
  return (
    family.client_id === client.client_id &&
    family.refresh_transport === refresh_transport &&
    (scope ?? []).every(each => granted.includes(each)) &&
    resources.every(each => family.audience.includes(each))
  )
}

const createAlert =
  ({ raiseAlert }: Needs, { client: { client_id }, token: { family_id }, source: { ip } }: RotateRequest) =>
  (verdict: Suspicion, message: string) =>
    raiseAlert({ verdict, client_id, family_id, ip }, message)

const createPresent =
  ({ refreshFamilies, peppers }: Needs) =>
  async ({ client, token, refresh_transport, scope, resources, idempotency_key, source }: RotateRequest) => {
    const { client_id, refresh_grace_seconds } = client
    const [pepper] = peppers
    // Above the highest generation a token can only be forged: it has no successor, and the store is to say so.
    const generation = Math.min(token.generation + 1, GENERATION_MAX)
    const { family_id, salt } = token
    const successor = refreshTokenAt({ family_id, salt, generation }, pepper)
    const rotation = await refreshFamilies.rotate({
      client_id,
      refresh_transport,
      sender_key: null,
      scope,
      resources,
      retry_proof: retryProofOf({ idempotency_key, client_id, scope, resources }),
      grace_seconds: refresh_grace_seconds,
      successor: { pepper_id: pepper.id, digest: digestOf(successor) },
      source,
      ...token,
    })
    return { rotation, successor }
  }

/** The successor is recomputed from the row as it now stands, so that a retry gets the same one, also across a change of pepper. */
const replay = async (
  needs: Needs,
  request: RotateRequest,
  { family, prepared }: Readonly<{ family: Family; prepared: Prepared }>,
): Promise<Rotated> => {
  const pepper = pepperById(needs.peppers, family.pepper_id)
  if (pepper === undefined) throw new OAuthError('refresh_pepper_gone', { sid: family.id })
  const refresh_token = refreshTokenAt({ family_id: family.id, ...family }, pepper)
  return answer(needs, request, { family, refresh_token, prepared })
}

const answer = async (
  { issue, policy }: Needs,
  { client, scope, resources }: RotateRequest,
  {
    family,
    refresh_token,
    prepared,
  }: Readonly<{
    family: Family
    refresh_token: RefreshToken
    prepared: Prepared
  }>,
): Promise<Rotated> => {
  const left = {
    scope: scope?.join(' ') ?? scopeLeft(family.scope, client.scope),
    audience: audienceOfSignIn(client, { resources, granted: family.audience }, policy),
  }
  const tokens = await issue.toFamily(family, left, prepared)
  return { tokens, refresh_token, family }
}
