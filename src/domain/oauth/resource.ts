/** RFC 3986 §3 – The scheme, the authority of a URI that has one, its path, and its query. */
const PARTS = /^([a-z][a-z\d+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?$/i

/** RFC 8707 §2 – A resource is an absolute URI without a fragment. */
export const isResource = (resource: string): boolean => URL.canParse(resource) && !resource.includes('#')

/**
 * RFC 3986 §6.2.2.1, §6.2.3 – Of the spellings that registrations have, the one that names the same resource; undefined where none does.
 * Ours: the case of the scheme and of the host does not count, and an empty path after a host equals `/`. Every other difference does
 * count: `https://api.example/mcp` and `https://api.example/mcp/` are two resources.
 */
export const findSpelling = (resource: string, registered: readonly string[]): string | undefined => {
  if (registered.includes(resource)) return resource
  const normalized = normalize(resource)
  return registered.find(spelling => normalize(spelling) === normalized)
}

const normalize = (resource: string): string => {
  const [, scheme, authority, path = '', query = ''] = PARTS.exec(resource) ?? []
  if (scheme === undefined) return resource
  if (authority === undefined) return `${scheme.toLowerCase()}:${path}${query}`
  const host = authority.lastIndexOf('@') + 1
  const place = authority.slice(0, host) + authority.slice(host).toLowerCase()
  return `${scheme.toLowerCase()}://${place}${path || '/'}${query}`
}
