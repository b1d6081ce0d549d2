import { describe, expect, it } from 'vitest'
import {
  answerTargetOf,
  judgeAuthorizationRequest,
  restartPathOf,
} from '../../../src/domain/authorization/authorization-request.ts'
import { type Client, FIRST_PARTY } from '../../../src/domain/oauth/client.ts'
import { parseForm } from '../../../src/domain/oauth/form.ts'
import { OAuthError, type Reason } from '../../../src/domain/oauth/oauth-error.ts'

const API = 'https://api.example'
const policy = { issuer: 'https://id.example', default_audience: API }
const NOW = new Date('2026-11-29T12:00:00Z')
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

const APP: Client = {
  ...FIRST_PARTY,
  client_id: 'app',
  redirect_uris: ['https://app.example/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  scope: 'openid profile notes:read offline_access',
  audience: [API, 'https://other.example'],
  first_party: false,
}
/** RFC 7636: a confidential client that is registered without. */
const CONFIDENTIAL: Client = {
  ...APP,
  token_endpoint_auth_method: 'client_secret_basic',
  require_pkce: false,
}

const COMPLETE = {
  response_type: 'code',
  redirect_uri: 'https://app.example/callback',
  scope: 'openid notes:read',
  state: 'a state',
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
}

type Parameters = Readonly<Record<string, string | undefined>>

const judge = (parameters: Parameters = {}, client: Client = APP) => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...COMPLETE, ...parameters }))
    if (value !== undefined) query.append(name, value)
  const form = parseForm(query.toString())
  const target = answerTargetOf(client.client_id, 'https://app.example/callback', form)
  return judgeAuthorizationRequest(form, {
    client,
    target,
    policy,
    hinted_sub: null,
    pushed: null,
    isSigned: false,
    now: NOW,
  })
}

const reasonFor = (parameters: Parameters, client?: Client): Reason | null => {
  try {
    judge(parameters, client)
    return null
  } catch (error) {
    if (error instanceof OAuthError) return error.reason
    throw error
  }
}

describe('RFC 6749 §4.1.1 – an authorization request', () => {
  it('is read with what it asks for and what the client is registered for', () => {
    expect(
      judge({ nonce: 'n', max_age: '0', acr_values: 'urn:signet:acr:mfa', login_hint: 'a@b.example' }),
    ).toEqual({
      client_id: 'app',
      redirect_uri: 'https://app.example/callback',
      isRedirectUriGiven: true,
      response_mode: 'query',
      state: 'a state',
      scope: ['openid', 'notes:read'],
      audience: [API],
      isAudienceGiven: false,
      nonce: 'n',
      code_challenge: CHALLENGE,
      dpop_jkt: null,
      prompt: [],
      max_age: 0,
      acr_values: ['urn:signet:acr:mfa'],
      login_hint: 'a@b.example',
      hinted_sub: null,
      ui_locales: null,
      pushed: null,
      isSigned: false,
      asked_at: NOW.getTime() / 1000,
    })
  })

  it('names the key that its code is for (RFC 9449 §10)', () => {
    expect(judge({ dpop_jkt: CHALLENGE }).dpop_jkt).toBe(CHALLENGE)
    for (const dpop_jkt of [`${CHALLENGE}A`, CHALLENGE.slice(1), CHALLENGE.replace('-', '+')])
      expect(reasonFor({ dpop_jkt })).toBe('dpop_jkt_malformed')
  })

  it.each<[Reason, Parameters]>([
    ['parameter_missing', { response_type: undefined }],
    ['response_type_unsupported', { response_type: 'token' }],
    ['response_type_unsupported', { response_type: 'code id_token' }],
    ['response_mode_unsupported', { response_mode: 'fragment' }],
    ['scope_malformed', { scope: 'openid  notes:read' }],
    ['scope_not_registered', { scope: 'billing' }],
    ['resource_not_registered', { resource: 'https://elsewhere.example' }],
    ['resource_malformed', { resource: 'api' }],
    ['code_challenge_missing', { code_challenge: undefined, code_challenge_method: undefined }],
    ['code_challenge_method_unsupported', { code_challenge_method: 'plain' }],
    ['code_challenge_method_unsupported', { code_challenge_method: undefined }],
    ['code_challenge_malformed', { code_challenge: undefined }],
    ['code_challenge_malformed', { code_challenge: `${CHALLENGE}A` }],
    ['code_challenge_malformed', { code_challenge: CHALLENGE.replace('-', '+') }],
    ['prompt_unknown', { prompt: 'sometimes' }],
    ['prompt_none_with_another', { prompt: 'none login' }],
    ['max_age_malformed', { max_age: '-1' }],
    ['max_age_malformed', { max_age: '1.5' }],
    ['dpop_jkt_malformed', { dpop_jkt: 'a' }],
  ])('is refused as %s with %j', (reason, parameters) => {
    expect(reasonFor(parameters)).toBe(reason)
  })

  it('is refused for a client that is not registered for the grant', () => {
    expect(reasonFor({}, { ...APP, grant_types: ['refresh_token'] })).toBe('grant_type_not_registered')
  })
})

describe('RFC 6749 §3.3 – the scope of an authorization request', () => {
  it('leaves out what the client is not registered for', () => {
    expect(judge({ scope: 'openid billing notes:read' }).scope).toEqual(['openid', 'notes:read'])
  })

  it('is all that the client is registered for when the request names none', () => {
    expect(judge({ scope: undefined }).scope).toEqual(['openid', 'profile', 'notes:read', 'offline_access'])
  })

  it('leaves out offline_access for a client that gets no refresh token', () => {
    const client = { ...APP, grant_types: ['authorization_code'] }
    expect(judge({ scope: 'openid offline_access' }, client).scope).toEqual(['openid'])
  })
})

describe('RFC 7636 §4.4.1 – a confidential client that is registered without PKCE', () => {
  const without = { code_challenge: undefined, code_challenge_method: undefined }

  it('is taken with a state, or with a nonce and openid', () => {
    expect(judge(without, CONFIDENTIAL).code_challenge).toBeNull()
    expect(judge({ ...without, state: undefined, nonce: 'n' }, CONFIDENTIAL).code_challenge).toBeNull()
  })

  it('is refused when nothing binds the code to the browser', () => {
    expect(reasonFor({ ...without, state: undefined }, CONFIDENTIAL)).toBe('code_challenge_missing')
    const bare = { ...without, state: undefined, nonce: 'n', scope: 'notes:read' }
    expect(reasonFor(bare, CONFIDENTIAL)).toBe('code_challenge_missing')
  })

  it('is held to S256 when it sends a challenge all the same', () => {
    expect(reasonFor({ code_challenge_method: 'plain' }, CONFIDENTIAL)).toBe(
      'code_challenge_method_unsupported',
    )
  })
})

describe('the address at which a request is asked anew', () => {
  it('asks for the same', () => {
    const request = judge({
      nonce: 'n',
      prompt: 'login consent',
      max_age: '60',
      resource: 'https://other.example',
      response_mode: 'form_post',
    })
    const form = parseForm(restartPathOf(request)?.slice('/authorize?'.length) ?? '')
    const target = answerTargetOf('app', 'https://app.example/callback', form)
    expect(
      judgeAuthorizationRequest(form, {
        client: APP,
        target,
        policy,
        hinted_sub: null,
        pushed: null,
        isSigned: false,
        now: NOW,
      }),
    ).toEqual(request)
  })

  it('is none where it would ask for less: for a person who was meant, what was pushed, and what was signed', () => {
    const request = judge({ prompt: 'login' })
    const wholes = [
      { hinted_sub: 'ada' },
      { pushed: 'urn:ietf:params:oauth:request_uri:x' },
      { isSigned: true },
    ]
    expect(wholes.map(more => restartPathOf({ ...request, ...more }))).toEqual([null, null, null])
    expect(restartPathOf(request)).toMatch(/^\/authorize\?/)
  })
})
