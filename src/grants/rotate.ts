import { digestOf } from '../domain/base/digest.ts'
import { aboutFamily } from '../domain/base/log-fields.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import type { RequireLength } from '../domain/oauth/access-token-length.ts'

import {
  type AudiencePolicy,
  audienceFor,
  audienceOfSignIn,
  registeredResources,
} from '../domain/oauth/audience.ts'

import type { Client } from '../domain/oauth/client.ts'
import { OAuthError, type Reason } from '../domain/oauth/oauth-error.ts'
import { narrowScope, scopeLeft } from '../domain/oauth/scope.ts'
import type { AccessTokenResponse } from '../domain/oauth/token-response.ts'
import type { Family, RefreshTransport, TracedSource } from '../domain/sign-in/refresh-family.ts'
import {
  currentTokenOf,
  GENERATION_MAX,
  type PresentedRefreshToken,
  parseRefreshToken,
  type RefreshToken,
  refreshTokenAt,
  retryProofOf,
} from '../domain/sign-in/refresh-token.ts'
import { reasonOf } from '../domain/sign-in/refresh-verdict.ts'
import type { Log, Metrics } from '../ports/effects.ts'
import type { Allowance, Limit } from '../ports/limits.ts'
import type { LivingFamily, RefreshFamilies } from '../ports/sign-ins.ts'
import type { Issue, Prepared } from './issue.ts'
import { findExcess, tooMany } from './refresh-limit.ts'
import { type RaiseAlert, reportElsewhere, type Suspicion } from './security-alert.ts'

type Needs = Readonly<{
  refreshFamilies: RefreshFamilies
  issue: Issue
  peppers: Peppers
  policy: AudiencePolicy
  isBounded: RequireLength['isBounded']
  /** Refreshes of one sign-in, from all addresses together. */
  limit: Limit
  metrics: Metrics
  log: Log
  raiseAlert: RaiseAlert
}>

export type RotateRequest = Readonly<{
  client: Client
  token: PresentedRefreshToken
  refresh_transport: RefreshTransport
  /** Null: the whole scope that was granted. */
  scope: readonly string[] | null
  resources: readonly string[]
  /** RFC 9449 §5 – Thumbprint of the key that the sender has proved to hold; null without a proof. */
  jkt: string | null
  idempotency_key: string | undefined
  source: TracedSource
}>

export type Rotated = Readonly<{ tokens: AccessTokenResponse; refresh_token: RefreshToken; family: Family }>

export type Rotate = (request: RotateRequest) => Promise<Rotated>

/** An access token that may be issued, or the limit that was exceeded: the token is judged all the same, and nothing is issued. */
type Admission = Readonly<{ prepared: Prepared }> | Readonly<{ excess: Allowance }>

/**
 * RFC 6749 §6, RFC 9700 §4.14.2 – Trades a refresh token for its successor and a new access token. A spent token ends its family. The
 * store judges the token on the locked row; this function turns the verdict into an answer.
 */
export const createRotate = (needs: Needs): Rotate => {
  const spend = createSpend(needs)
  return async given => {
    const { client, token } = given
    const request = { ...given, resources: registeredResources(client, given.resources, needs.policy) }
    refuseUnregistered(needs, request)
    const excess = await findExcess(needs, token)
    const admission: Admission = excess === null ? { prepared: await prepare(needs, request) } : { excess }
    const { rotation, successor } = await spend(request)
    needs.metrics.judged(rotation.outcome)
    const user_id = 'family' in rotation ? rotation.family.user_id : rotation.user_id
    const refuse = (reason: Reason) =>
      new OAuthError(reason, aboutFamily({ id: token.family_id, user_id, client_id: client.client_id }))
    const alert = createAlert(needs, request, user_id)
    switch (rotation.outcome) {
      case 'rotated':
        if ('excess' in admission) throw new Error('a token that was not current was rotated')
        return answer(needs, request, {
          family: rotation.family,
          refresh_token: successor,
          prepared: admission.prepared,
        })
      case 'replayed': {
        if ('excess' in admission) throw tooMany(admission.excess, rotation.family)
        const { family } = rotation
        const replayed = await replay(needs, request, { family, prepared: admission.prepared })
        reportElsewhere(needs, { ...rotation, source: request.source })
        return replayed
      }
      case 'denied':
        if (rotation.denial === 'wrong_salt')
          alert('wrong_salt', 'a refresh token with a valid MAC names a foreign salt')
        throw refuse(reasonOf(rotation.denial))
      case 'scope_exceeded':
      case 'resource_exceeded':
        throw refuse(reasonOf(rotation.outcome))
      case 'forged':
        alert(
          'forged',
          'a refresh token with a valid MAC was never issued: leaked pepper, or a database set back?',
        )
        throw refuse(reasonOf(rotation.outcome))
      case 'reused':
        alert('reused', 'a spent refresh token was presented: its family is ended')
        throw refuse(reasonOf(rotation.outcome))
    }
  }
}

/** Reads a refresh token. Throws `invalid_grant` for a text that this server never issued. */
export const readRefreshToken = (text: string, peppers: Peppers): PresentedRefreshToken => {
  const token = parseRefreshToken(text, peppers)
  if (token === null) throw new OAuthError('refresh_malformed')
  return token
}

/** Refuses a scope or a resource that the client is not registered for, before the token is judged: the token stays usable. */
const refuseUnregistered = ({ policy }: Needs, { client, scope, resources }: RotateRequest) => {
  if (scope !== null) narrowScope(scope.join(' '), client.scope)
  if (resources.length > 0) audienceFor(client, resources, policy)
}

/**
 * Does before the rotation whatever can fail: a failure after the rotation would leave the client with a spent token and no answer. Only
 * a family that is likely to be rotated takes a place in a status list: dead tokens, presented again and again, must not fill the lists.
 */
const prepare = async (needs: Needs, request: RotateRequest): Promise<Prepared> => {
  const { refreshFamilies, issue, isBounded, policy } = needs
  const { client, token, scope, resources, jkt } = request
  const isReadFirst = client.status_list || !isBounded(client)
  const family = isReadFirst ? await refreshFamilies.findLiving(token) : null
  const grant = {
    scope: scope?.join(' ') ?? scopeLeft(family?.scope ?? client.scope, client.scope),
    audience: audienceOfSignIn(client, { resources, granted: family?.audience ?? [] }, policy),
    jkt,
  }
  const isListed = family !== null && isPresentable(family, request)
  return issue.prepare(client, grant, isListed ? { sub: family.user_id, sid: family.id } : null)
}

/** True where the unchanging parts of a family allow the request. The changing parts are judged later, on the locked row. */
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
  (
    { raiseAlert }: Needs,
    { client: { client_id }, token: { family_id }, source }: RotateRequest,
    user_id: string | null,
  ) =>
  (verdict: Suspicion, message: string) =>
    raiseAlert({ verdict, client_id, family_id, user_id, source }, message)

const createSpend =
  ({ refreshFamilies, peppers }: Needs) =>
  async (request: RotateRequest) => {
    const { client, token, refresh_transport, scope, resources, idempotency_key, source, jkt } = request
    const { client_id, refresh_grace_seconds } = client
    const [pepper] = peppers
    // A token above the highest generation is forged and has no successor; the store gives that verdict.
    const generation = Math.min(token.generation + 1, GENERATION_MAX)
    const { family_id, user_id, salt } = token
    // A family keeps the version of its first token: where that names no person, the person is not known before the statement.
    const successor = refreshTokenAt({ family_id, user_id, salt, generation }, pepper)
    const rotation = await refreshFamilies.rotate({
      client_id,
      refresh_transport,
      sender_key: jkt,
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

/** Answers a retry. The successor is recomputed from the current row, so that a retry gets the same one, also after a change of pepper. */
const replay = async (
  needs: Needs,
  request: RotateRequest,
  { family, prepared }: Readonly<{ family: Family; prepared: Prepared }>,
): Promise<Rotated> => {
  const refresh_token = currentTokenOf(family, needs.peppers)
  if (refresh_token === null) throw new OAuthError('refresh_pepper_gone', aboutFamily(family))
  return answer(needs, request, { family, refresh_token, prepared })
}

const answer = async (
  { issue, policy }: Needs,
  { client, scope, resources, jkt }: RotateRequest,
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
    jkt,
  }
  const tokens = await issue.toFamily(family, left, prepared)
  return { tokens, refresh_token, family }
}
