import { z } from 'zod'
import { Problem } from '../../domain/base/problem.ts'
import { challengeOf } from '../../domain/oauth/pkce.ts'
import { authMethodOf, jsonOf, type ProviderMetadata } from '../../domain/upstream/provider-metadata.ts'
import { type Upstream, type UpstreamIdentity, upstreamPath } from '../../domain/upstream/upstream.ts'
import type { UpstreamAttempt } from '../../domain/upstream/upstream-attempt.ts'
import { claimsOfBoth, githubIdentityOf, identityOf } from '../../domain/upstream/upstream-identity.ts'
import type { Providers } from './providers.ts'
import type { VerifyIdToken } from './verify-id-token.ts'

type Needs = Readonly<{ providers: Providers; verifyIdToken: VerifyIdToken; issuer: string }>

/** The answer of the authorization endpoint of a provider. */
export type UpstreamAnswer = Readonly<{ code: string; iss: string | null }>

type Identify = Readonly<{ upstream: Upstream; attempt: UpstreamAttempt; answer: UpstreamAnswer }>

/** OpenID Connect Core §3.1, RFC 6749 §4.1 – Asks a provider who a person is. Every verb throws a Problem for a provider that does not tell. */
export const createAskIdentity = (needs: Needs) => ({
  /** The address at which the person signs in there. */
  addressOf: async (upstream: Upstream, attempt: UpstreamAttempt): Promise<string> => {
    const { providers, issuer } = needs
    const isGithub = upstream.type === 'github'
    const endpoint = isGithub
      ? `${upstream.issuer}/login/oauth/authorize`
      : (await providers.metadataOf(upstream, providers.deadline())).authorization_endpoint
    const address = new URL(endpoint)
    const parameters = {
      response_type: 'code',
      client_id: upstream.client_id,
      redirect_uri: `${issuer}${upstreamPath(upstream.id)}`,
      scope: upstream.scope,
      state: attempt.state,
      code_challenge: challengeOf(attempt.code_verifier) ?? '',
      code_challenge_method: 'S256',
      ...(isGithub ? {} : { nonce: attempt.nonce }),
      ...(attempt.isFresh ? (isGithub ? { prompt: 'select_account' } : { max_age: '0' }) : {}),
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

  identify: (given: Identify): Promise<UpstreamIdentity> =>
    given.upstream.type === 'github' ? identifyAtGithub(needs, given) : identifyByIdToken(needs, given),
})

export type AskIdentity = ReturnType<typeof createAskIdentity>

const TOKENS = z.object({ access_token: z.string().min(1).max(16_384), id_token: z.string().min(1) })

const malformed = () => new Problem('UPSTREAM_INVALID', { reason: 'answer_malformed' })

const identifyByIdToken = async (needs: Needs, given: Identify): Promise<UpstreamIdentity> => {
  const { providers, verifyIdToken } = needs
  const { upstream, attempt } = given
  const ends_at = providers.deadline()
  const metadata = await providers.metadataOf(upstream, ends_at)
  const asked = codeRequestOf(needs, given, metadata)
  const body = await providers.ask(upstream, { url: metadata.token_endpoint, ...asked, ends_at })
  const tokens = TOKENS.safeParse(jsonOf(body))
  if (!tokens.success) throw malformed()
  const { nonce } = attempt
  const least_auth_time = attempt.isFresh ? attempt.begun_at : null
  const claims = await verifyIdToken(upstream, { ...tokens.data, nonce, least_auth_time, ends_at })
  const { access_token } = tokens.data
  const userinfo = lacksClaims(upstream, claims)
    ? await userinfoOf(needs, { upstream, metadata, access_token, ends_at, sub: claims.sub })
    : {}
  return identityOf(upstream, claims.sub, claimsOfBoth(upstream, { id_token: claims, userinfo }))
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
