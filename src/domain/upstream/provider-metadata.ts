import { z } from 'zod'
import { type AddressRange } from '../base/ip-address.ts'
import { judgeOutboundUrl } from '../outbound/outbound-target.ts'

/** How a client authenticates at the token endpoint of a provider. */
export type ProviderAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'none'

/** OpenID Connect Discovery §3 – What this server uses of the metadata of a provider. */
export type ProviderMetadata = Readonly<{
  authorization_endpoint: string
  token_endpoint: string
  jwks_uri: string
  userinfo_endpoint: string | null
  auth_methods: readonly string[]
  /** RFC 9207 §3 – True: every answer of the authorization endpoint has `iss`. */
  isIssuerSent: boolean
  /** OpenID Connect Core §5.5 – True: the provider reads the parameter `claims`. */
  isClaimsRead: boolean
  /** Initiating User Registration §4.1 – The values of `prompt` that the provider lists. */
  prompts: readonly string[]
}>

const DOCUMENT = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  jwks_uri: z.string(),
  userinfo_endpoint: z.string().optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
  claims_parameter_supported: z.boolean().optional(),
  prompt_values_supported: z.array(z.string()).optional(),
})

type Expected = Readonly<{
  issuer: string
  /** Internal addresses that this server may call. */
  allow: readonly AddressRange[]
}>

/**
 * OpenID Connect Discovery §4.3 – The metadata in an answer, or what is wrong with it. Its `issuer` must be the configured one byte for byte:
 * otherwise one provider could speak for another.
 */
export const readProviderMetadata = (
  body: Uint8Array,
  { issuer, allow }: Expected,
): ProviderMetadata | Readonly<{ cause: string }> => {
  const parsed = DOCUMENT.safeParse(jsonOf(body))
  if (!parsed.success) return { cause: 'the metadata is not the JSON object of OpenID Connect Discovery' }
  const { data } = parsed
  if (data.issuer !== issuer) return { cause: 'the metadata is of another issuer' }
  const { authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint = null } = data
  const called = [authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint].filter(
    each => each !== null,
  )
  if (called.some(each => each.includes('#') || 'refusal' in judgeOutboundUrl(each, allow)))
    return { cause: 'an endpoint of the metadata is no address that may be called' }
  return {
    authorization_endpoint,
    token_endpoint,
    jwks_uri,
    userinfo_endpoint,
    auth_methods: data.token_endpoint_auth_methods_supported ?? ['client_secret_basic'],
    isIssuerSent: data.authorization_response_iss_parameter_supported === true,
    isClaimsRead: data.claims_parameter_supported === true,
    prompts: data.prompt_values_supported ?? [],
  }
}

/** The JSON of an answer; null for one that is none. */
export const jsonOf = (body: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return null
  }
}

/** OpenID Connect Core §9 – The method for a client of this kind that the provider takes; null: none that this server knows. */
export const authMethodOf = (
  client_secret: string | null,
  { auth_methods }: Pick<ProviderMetadata, 'auth_methods'>,
): ProviderAuthMethod | null => {
  if (client_secret === null) return 'none'
  if (auth_methods.includes('client_secret_basic')) return 'client_secret_basic'
  return auth_methods.includes('client_secret_post') ? 'client_secret_post' : null
}
