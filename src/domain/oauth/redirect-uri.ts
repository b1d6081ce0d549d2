import type { Client } from './client.ts'

/** RFC 3986 §2 – A scheme and what may follow it. No spaces, no backslashes, nothing that one parser drops and another one reads. */
const URI = /^[a-z][a-z0-9+.-]*:(?:[a-z0-9._~:/?[\]@!$&'()*+,;=-]|%[0-9a-f]{2})+$/i

/** Schemes that a browser runs, opens as a file or wraps around another URI, and those that are the web's own. */
const REFUSED_SCHEMES: ReadonlySet<string> = new Set([
  'about',
  'blob',
  'data',
  'file',
  'filesystem',
  'ftp',
  'javascript',
  'vbscript',
  'view-source',
  'ws',
  'wss',
])

/** RFC 8252 §7.3, §8.3 – The three names of this computer, as they are written and not as a URL parser would understand them. */
const LOOPBACK =
  /^(?<before>http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::(?<port>[0-9]{1,5}))?(?<after>(?:[/?][^]*)?)$/
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])

const PORT_MAX = 65_535

/**
 * RFC 1123 §2.1, and the underscore of internal names. A host with `;` or `,`, which URL parsers accept, would break the
 * Content-Security-Policy in which it stands. `*` is let through here, and refused by a rule that says what to do.
 */
const HOST = /^(?:\[[\da-f:.]+\]|[a-z\d._*-]+)$/

/** An absolute URI of the web: https, or http on loopback; without user information and without a fragment. */
export const isWebUri = (uri: string): boolean => {
  if (!URI.test(uri) || hasUserInformation(uri) || !URL.canParse(uri)) return false
  if (!HOST.test(new URL(uri).hostname)) return false
  return /^https:\/\/[^/?]/i.test(uri) || loopbackPartsOf(uri) !== null
}

/**
 * RFC 6749 §3.1.2, RFC 8252 §7 – Whether a client may register a redirect URI: https, http on loopback, or a scheme of an application.
 * Ours: such a scheme needs no dot, because editors and agents register `cursor://…` and the like; it is never one that browsers run.
 */
export const isRegistrable = (uri: string): boolean => {
  if (!URI.test(uri) || hasUserInformation(uri) || !URL.canParse(uri)) return false
  const scheme = schemeOf(uri)
  if (scheme === 'https' || scheme === 'http') return isWebUri(uri)
  return !REFUSED_SCHEMES.has(scheme)
}

/**
 * RFC 9700 §2.1, RFC 8252 §7.3 – The redirect URI of a request, compared letter by letter with those of the registration; of a public
 * client's http URI on loopback the port is free. Without one in the request: the only one that is registered. Null: none fits.
 */
export const matchRedirectUri = (
  { redirect_uris, token_endpoint_auth_method }: Client,
  given: string | undefined,
): string | null => {
  const [first, ...others] = redirect_uris
  if (given === undefined) return others.length === 0 ? (first ?? null) : null
  if (redirect_uris.includes(given)) return given
  const asked = token_endpoint_auth_method === 'none' ? loopbackPartsOf(given) : null
  if (asked === null) return null
  const fits = redirect_uris
    .map(loopbackPartsOf)
    .some(parts => parts !== null && isSameButForPort(parts, asked))
  return fits ? given : null
}

/**
 * Ours – Whether another program on the person's computer could receive what is sent to the URI, so that the client cannot be told from
 * an imitation of it.
 */
export const isLoopbackOrPrivateUse = (uri: string): boolean =>
  schemeOf(uri) !== 'https' || LOOPBACK_HOSTS.has(new URL(uri).hostname)

type LoopbackParts = Readonly<{ before: string; after: string }>

/** What is before and after the port. Null for a URI that is not http on loopback. */
const loopbackPartsOf = (uri: string): LoopbackParts | null => {
  const { before, port, after } = LOOPBACK.exec(uri)?.groups ?? {}
  if (before === undefined || after === undefined || !isPort(port)) return null
  return { before, after }
}

const isPort = (port: string | undefined): boolean =>
  port === undefined || (Number(port) >= 1 && Number(port) <= PORT_MAX)

const isSameButForPort = (one: LoopbackParts, other: LoopbackParts): boolean =>
  one.before === other.before && one.after === other.after

const schemeOf = (uri: string): string => uri.slice(0, uri.indexOf(':')).toLowerCase()

/** RFC 3986 §3.2.1 – In the text, because a URL parser drops an empty one. */
const hasUserInformation = (uri: string): boolean => /^[^:]*:\/\/[^/?]*@/.test(uri)
