import { z } from 'zod'
import { assertedAuthTime } from '../../domain/exchange/issuer-assertion.ts'
import { challengeOf } from '../../domain/oauth/pkce.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { judgeAuthTime } from '../../domain/upstream/id-token-verdict.ts'
import { authMethodOf, jsonOf, type ProviderMetadata } from '../../domain/upstream/provider-metadata.ts'
import {
  saysAuthTime,
  type Upstream,
  type UpstreamIdentity,
  upstreamPath,
} from '../../domain/upstream/upstream.ts'
import { leastAuthTimeOf, type UpstreamAttempt } from '../../domain/upstream/upstream-attempt.ts'
import { claimsOfBoth, githubIdentityOf, identityOf } from '../../domain/upstream/upstream-identity.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Providers } from './providers.ts'
import type { VerifyIdToken } from './verify-id-token.ts'

type Needs = Readonly<{ providers: Providers; verifyIdToken: VerifyIdToken; issuer: string; clock: Clock }>

/** The answer of the authorization endpoint of a provider. */
export type UpstreamAnswer = Readonly<{ code: string; iss: string | null }>

type Identify = Readonly<{ upstream: Upstream; attempt: UpstreamAttempt; answer: UpstreamAnswer }>

/** Who a person is, and when they signed in there; null where the provider has not said. */
export type IdentifiedUpstream = Readonly<{ identity: UpstreamIdentity; auth_time: Date | null }>

/** OpenID Connect Core §3.1, RFC 6749 §4.1 – Asks a provider who a person is. Every verb throws a Problem for a provider that does not tell. */
export const createAskIdentity = (needs: Needs) => ({
  /** The address at which the person signs in there. */
  addressOf: async (upstream: Upstream, attempt: UpstreamAttempt): Promise<string> => {
    const { providers, issuer } = needs
    if (!saysAuthTime(upstream)) requireRecent(null, attempt)
    const { endpoint, more } =
      upstream.type === 'github'
        ? { endpoint: `${upstream.issuer}/login/oauth/authorize`, more: githubParametersOf(attempt) }
        : askedAt(await providers.metadataOf(upstream, providers.deadline()), attempt)
    const address = new URL(endpoint)
    const parameters = {
      response_type: 'code',
      client_id: upstream.client_id,
      redirect_uri: `${issuer}${upstreamPath(upstream.id)}`,
      scope: upstream.scope,
      state: attempt.state,
      code_challenge: challengeOf(attempt.code_verifier) ?? '',
      code_challenge_method: 'S256',
      ...more,
    }
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value)
    return address.href
  },

  /**
   * RFC 9207 §2.4 – Throws where the answer is not of the provider that was asked: with another `iss`, or without one where the provider
   * says that each answer has it.
   */
  requireIssuer: async (upstream: Upstream, iss: string | null): Promise<void> => {
    const { providers } = needs
    const isSent =
      upstream.type === 'oidc' && (await providers.metadataOf(upstream, providers.deadline())).isIssuerSent
    if (iss === null ? isSent : iss !== upstream.issuer)
      throw new Problem('UPSTREAM_INVALID', { reason: 'issuer_wrong' })
  },

  /** Throws where the person has not signed in there as recently as the attempt asks for, and where the provider does not say so. */
  identify: async (given: Identify): Promise<IdentifiedUpstream> => {
    const identified =
      given.upstream.type === 'github'
        ? { identity: await identifyAtGithub(needs, given), auth_time: null }
        : await identifyByIdToken(needs, given)
    requireRecent(identified.auth_time, given.attempt)
    return identified
  },
})

export type AskIdentity = ReturnType<typeof createAskIdentity>

const githubParametersOf = ({ isFresh }: UpstreamAttempt) => (isFresh ? { prompt: 'select_account' } : {})

/**
 * OpenID Connect Core §3.1.2.1, §5.5 – `max_age=0` is what every provider has to know. `prompt=login` means the same, and some providers
 * refuse a prompt that they do not list. `claims` asks those for `auth_time` that leave it out in spite of `max_age`.
 */
const askedAt = (metadata: ProviderMetadata, { nonce, isFresh, max_age = null }: UpstreamAttempt) => {
  const age = isFresh ? 0 : max_age
  const claims = { id_token: { auth_time: age === null ? null : { essential: true } } }
  return {
    endpoint: metadata.authorization_endpoint,
    more: {
      nonce,
      ...(age === null ? {} : { max_age: String(age) }),
      ...(isFresh && metadata.prompts.includes('login') ? { prompt: 'login' } : {}),
      ...(age !== null || metadata.isClaimsRead ? { claims: JSON.stringify(claims) } : {}),
    },
  }
}

const requireRecent = (auth_time: Date | null, attempt: UpstreamAttempt): void => {
  const reason = judgeAuthTime(auth_time, leastAuthTimeOf(attempt))
  if (reason !== null) throw new Problem('UPSTREAM_NOT_RECENT', { reason })
}

const TOKENS = z.object({ access_token: z.string().min(1).max(16_384), id_token: z.string().min(1) })

const malformed = () => new Problem('UPSTREAM_INVALID', { reason: 'answer_malformed' })

const identifyByIdToken = async (needs: Needs, given: Identify): Promise<IdentifiedUpstream> => {
  const { providers, verifyIdToken } = needs
  const { upstream, attempt } = given
  const ends_at = providers.deadline()
  const metadata = await providers.metadataOf(upstream, ends_at)
  const asked = codeRequestOf(needs, given, metadata)
  const body = await providers.ask(upstream, { url: metadata.token_endpoint, ...asked, ends_at })
  const tokens = TOKENS.safeParse(jsonOf(body))
  if (!tokens.success) throw malformed()
  const { nonce } = attempt
  const claims = await verifyIdToken(upstream, { ...tokens.data, nonce, ends_at })
  const { access_token } = tokens.data
  const userinfo = lacksClaims(upstream, claims)
    ? await userinfoOf(needs, { upstream, metadata, access_token, ends_at, sub: claims.sub })
    : {}
  return {
    identity: identityOf(upstream, claims.sub, claimsOfBoth(upstream, { id_token: claims, userinfo })),
    auth_time: assertedAuthTime(claims['auth_time'], needs.clock()),
  }
}

/** RFC 6749 §2.3.1, §4.1.3 – The request for the tokens, with the client's authentication. */
const codeRequestOf = (
  { issuer }: Needs,
  { upstream, attempt, answer }: Identify,
  metadata: Pick<ProviderMetadata, 'auth_methods'>,
) => {
  const { client_id, client_secret } = upstream
  const form = {
    grant_type: 'authorization_code',
    code: answer.code,
    redirect_uri: `${issuer}${upstreamPath(upstream.id)}`,
    code_verifier: attempt.code_verifier,
  }
  const method = authMethodOf(client_secret, metadata)
  switch (method) {
    case null:
      throw new Problem('UPSTREAM_AWAY', { reason: 'metadata_wrong' })
    case 'none':
      return { form: { ...form, client_id } }
    case 'client_secret_post':
      return { form: { ...form, client_id, client_secret: client_secret ?? '' } }
    case 'client_secret_basic': {
      const pair = `${encoded(client_id)}:${encoded(client_secret ?? '')}`
      return { form, headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } }
    }
  }
}

/** RFC 6749 appendix B */
const encoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)

/** OpenID Connect Core §5.4 – Many providers tell the claims of the scopes at the userinfo endpoint alone. */
const lacksClaims = ({ claims: names }: Upstream, claims: Readonly<Record<string, unknown>>): boolean =>
  [names.email, names.name].some(name => name !== null && claims[name] === undefined)

type Userinfo = Readonly<{
  upstream: Upstream
  metadata: ProviderMetadata
  access_token: string
  ends_at: number
  sub: string
}>

const USERINFO = z.looseObject({ sub: z.string() })

/** OpenID Connect Core §5.3.2 – The claims of the person of the ID token; an answer about another one is refused. */
const userinfoOf = async (
  { providers }: Needs,
  { upstream, metadata, access_token, ends_at, sub }: Userinfo,
): Promise<Readonly<Record<string, unknown>>> => {
  const url = metadata.userinfo_endpoint
  if (url === null) return {}
  const headers = { authorization: `Bearer ${access_token}` }
  const answer = USERINFO.safeParse(jsonOf(await providers.ask(upstream, { url, headers, ends_at })))
  if (!answer.success || answer.data.sub !== sub) throw malformed()
  return answer.data
}

const GITHUB_TOKEN = z.object({ access_token: z.string().min(1).max(1_000) })

/** GitHub, "Authorizing OAuth apps" – A refusal of the code has the status 200, too. */
const identifyAtGithub = async (
  { providers, issuer }: Needs,
  { upstream, attempt, answer }: Identify,
): Promise<UpstreamIdentity> => {
  const ends_at = providers.deadline()
  const form = {
    client_id: upstream.client_id,
    client_secret: upstream.client_secret ?? '',
    code: answer.code,
    redirect_uri: `${issuer}${upstreamPath(upstream.id)}`,
    code_verifier: attempt.code_verifier,
  }
  const url = `${upstream.issuer}/login/oauth/access_token`
  const tokens = GITHUB_TOKEN.safeParse(jsonOf(await providers.ask(upstream, { url, form, ends_at })))
  if (!tokens.success) throw new Problem('UPSTREAM_INVALID', { reason: 'code_refused' })
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${tokens.data.access_token}`,
  }
  const [user, emails] = await Promise.all(
    ['/user', '/user/emails'].map(async path =>
      jsonOf(await providers.ask(upstream, { url: `${upstream.api_url}${path}`, headers, ends_at })),
    ),
  )
  const identity = githubIdentityOf(upstream, { user, emails })
  if (identity === null) throw malformed()
  return identity
}
