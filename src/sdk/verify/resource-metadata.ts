import { DPOP_ALGORITHMS } from '../../domain/oauth/dpop-proof.ts'
import { type OptionNames, requireKnownOptions } from './known-options.ts'
import type { ProofSettings } from './presented.ts'
import { isTrustworthyUrl } from './remote-json.ts'

/** RFC 9728 §2 – The metadata of a service, under the RFC's names. */
export type ResourceOptions = Readonly<{
  /** The resource identifier, which clients send as `resource` (RFC 8707). */
  resource: string
  scopes_supported?: readonly string[]
  resource_name?: string
  resource_documentation?: string
}>

const OPTIONS: OptionNames<ResourceOptions> = {
  resource: true,
  scopes_supported: true,
  resource_name: true,
  resource_documentation: true,
}

/** RFC 9728 §3 – The metadata document, and the URL that must serve it. */
export type ResourceMetadata = Readonly<{
  url: string
  path: string
  document: Readonly<Record<string, unknown>>
}>

/** RFC 9728 §3.1 – The well-known part goes between the host and the path of the resource. Throws a TypeError. */
export const resourceMetadata = (
  issuer: string,
  options: ResourceOptions,
  dpop: ProofSettings | null,
): ResourceMetadata => {
  requireKnownOptions('resource', options, OPTIONS)
  if (!isTrustworthyUrl(options.resource) || options.resource.includes('#'))
    throw new TypeError('resource must be an https URL without fragment, or http on loopback')
  const { origin, pathname, search } = new URL(options.resource)
  const path = `${ROOT_PATH}${pathname === '/' ? '' : pathname}`
  return {
    url: `${origin}${path}${search}`,
    path,
    document: {
      ...options,
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
      ...(dpop?.isOffered === true ? dpopMetadata(dpop) : {}),
    },
  }
}

/** RFC 9728 §2 */
const dpopMetadata = ({ isRequired }: ProofSettings) => ({
  dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
  ...(isRequired ? { dpop_bound_access_tokens_required: true } : {}),
})

/** RFC 9728 §3.1 – Where clients look that know the host of the service alone. */
const ROOT_PATH = '/.well-known/oauth-protected-resource'

/** The answer of a guard to a request for the metadata. */
export type MetadataAnswer = Readonly<{
  status: 200 | 204
  headers: Readonly<Record<string, string>>
  body: ResourceMetadata['document'] | undefined
}>

/** Any page may read a public document. `MCP-Protocol-Version`, for one, makes a browser ask first. */
const ANY_ORIGIN = { 'Access-Control-Allow-Origin': '*' }
const ANY_HEADER = { ...ANY_ORIGIN, 'Access-Control-Allow-Headers': '*' }

/** RFC 9728 §3.1 – Null for a request that does not ask for the metadata. */
export const answerMetadata = (
  { path, document }: ResourceMetadata,
  request: Readonly<{ method: string | undefined; path: string | undefined }>,
): MetadataAnswer | null => {
  const asked = withoutSlash(request.path ?? '')
  if (asked !== withoutSlash(path) && asked !== ROOT_PATH) return null
  if (request.method === 'OPTIONS') return { status: 204, headers: ANY_HEADER, body: undefined }
  return request.method === 'GET' ? { status: 200, headers: ANY_ORIGIN, body: document } : null
}

/** RFC 9728 keeps the slash at the end of a path, and some clients leave it out. */
const withoutSlash = (path: string): string => path.replace(/\/$/, '')

/** The metadata that a guard serves. Throws a TypeError when the verifier has no `resource`. */
export const metadataOf = ({
  metadata,
}: Readonly<{ metadata: ResourceMetadata | null }>): ResourceMetadata => {
  if (metadata === null) throw new TypeError('metadata: give the option `resource` first')
  return metadata
}
