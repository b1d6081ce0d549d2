import { readSources } from './source.ts'

/** The titles of the standards that the code cites by section. Each cited standard must have one. */
const STANDARDS = {
  'RFC 1034': 'Domain Names - Concepts and Facilities',
  'RFC 1123': 'Requirements for Internet Hosts: Application and Support',
  'RFC 2387': 'The MIME Multipart/Related Content-type',
  'RFC 2392': 'Content-ID and Message-ID Uniform Resource Locators',
  'RFC 3339': 'Date and Time on the Internet: Timestamps',
  'RFC 3834': 'Recommendations for Automatic Responses to Electronic Mail',
  'RFC 3986': 'Uniform Resource Identifier (URI): Generic Syntax',
  'RFC 4013': 'SASLprep: Stringprep Profile for User Names and Passwords',
  'RFC 4180': 'Common Format and MIME Type for Comma-Separated Values (CSV) Files',
  'RFC 4226': 'HOTP: An HMAC-Based One-Time Password Algorithm',
  'RFC 4291': 'IP Version 6 Addressing Architecture',
  'RFC 4632': 'Classless Inter-domain Routing (CIDR)',
  'RFC 4647': 'Matching of Language Tags',
  'RFC 4648': 'The Base16, Base32, and Base64 Data Encodings',
  'RFC 5321': 'Simple Mail Transfer Protocol',
  'RFC 5322': 'Internet Message Format',
  'RFC 5646': 'Tags for Identifying Languages',
  'RFC 5771': 'IANA Guidelines for IPv4 Multicast Address Assignments',
  'RFC 5789': 'PATCH Method for HTTP',
  'RFC 5869': 'HMAC-based Extract-and-Expand Key Derivation Function (HKDF)',
  'RFC 6066': 'Transport Layer Security (TLS) Extensions: Extension Definitions',
  'RFC 6238': 'TOTP: Time-Based One-Time Password Algorithm',
  'RFC 6265': 'HTTP State Management Mechanism',
  'RFC 6265bis': 'Cookies: HTTP State Management Mechanism',
  'RFC 6266': 'Use of the Content-Disposition Header Field in the Hypertext Transfer Protocol (HTTP)',
  'RFC 6454': 'The Web Origin Concept',
  'RFC 6749': 'The OAuth 2.0 Authorization Framework',
  'RFC 6750': 'The OAuth 2.0 Authorization Framework: Bearer Token Usage',
  'RFC 6761': 'Special-Use Domain Names',
  'RFC 6890': 'Special-Purpose IP Address Registries',
  'RFC 6901': 'JavaScript Object Notation (JSON) Pointer',
  'RFC 7009': 'OAuth 2.0 Token Revocation',
  'RFC 7239': 'Forwarded HTTP Extension',
  'RFC 7468': 'Textual Encodings of PKIX, PKCS, and CMS Structures',
  'RFC 7515': 'JSON Web Signature (JWS)',
  'RFC 7517': 'JSON Web Key (JWK)',
  'RFC 7518': 'JSON Web Algorithms (JWA)',
  'RFC 7519': 'JSON Web Token (JWT)',
  'RFC 7521': 'Assertion Framework for OAuth 2.0 Client Authentication and Authorization Grants',
  'RFC 7523': 'JWT Profile for OAuth 2.0 Client Authentication and Authorization Grants',
  'RFC 7591': 'OAuth 2.0 Dynamic Client Registration Protocol',
  'RFC 7592': 'OAuth 2.0 Dynamic Client Registration Management Protocol',
  'RFC 7617': "The 'Basic' HTTP Authentication Scheme",
  'RFC 7636': 'Proof Key for Code Exchange by OAuth Public Clients',
  'RFC 7638': 'JSON Web Key (JWK) Thumbprint',
  'RFC 7662': 'OAuth 2.0 Token Introspection',
  'RFC 7797': 'JWS Unencoded Payload Option',
  'RFC 7914': 'The scrypt Password-Based Key Derivation Function',
  'RFC 7800': 'Proof-of-Possession Key Semantics for JSON Web Tokens (JWTs)',
  'RFC 8018': 'PKCS #5: Password-Based Cryptography Specification',
  'RFC 8037':
    'CFRG Elliptic Curve Diffie-Hellman (ECDH) and Signatures in JSON Object Signing and Encryption (JOSE)',
  'RFC 8176': 'Authentication Method Reference Values',
  'RFC 8230': 'Using RSA Algorithms with COSE Messages',
  'RFC 8252': 'OAuth 2.0 for Native Apps',
  'RFC 8259': 'The JavaScript Object Notation (JSON) Data Interchange Format',
  'RFC 8314': 'Cleartext Considered Obsolete: Use of TLS for Email Submission and Access',
  'RFC 8414': 'OAuth 2.0 Authorization Server Metadata',
  'RFC 8628': 'OAuth 2.0 Device Authorization Grant',
  'RFC 8693': 'OAuth 2.0 Token Exchange',
  'RFC 8705': 'OAuth 2.0 Mutual-TLS Client Authentication and Certificate-Bound Access Tokens',
  'RFC 8707': 'Resource Indicators for OAuth 2.0',
  'RFC 8725': 'JSON Web Token Best Current Practices',
  'RFC 8812': 'COSE and JOSE Registrations for Web Authentication Algorithms',
  'RFC 8949': 'Concise Binary Object Representation (CBOR)',
  'RFC 9053': 'CBOR Object Signing and Encryption (COSE): Initial Algorithms',
  'RFC 9068': 'JWT Profile for OAuth 2.0 Access Tokens',
  'RFC 9106': 'Argon2 Memory-Hard Function for Password Hashing',
  'RFC 9110': 'HTTP Semantics',
  'RFC 9111': 'HTTP Caching',
  'RFC 9112': 'HTTP/1.1',
  'RFC 9101': 'The OAuth 2.0 Authorization Framework: JWT-Secured Authorization Request (JAR)',
  'RFC 9126': 'OAuth 2.0 Pushed Authorization Requests',
  'RFC 9207': 'OAuth 2.0 Authorization Server Issuer Identification',
  'RFC 9309': 'Robots Exclusion Protocol',
  'RFC 9449': 'OAuth 2.0 Demonstrating Proof of Possession (DPoP)',
  'RFC 9457': 'Problem Details for HTTP APIs',
  'RFC 9470': 'OAuth 2.0 Step Up Authentication Challenge Protocol',
  'RFC 9493': 'Subject Identifiers for Security Event Tokens',
  'RFC 9525': 'Service Identity in TLS',
  'RFC 9562': 'Universally Unique IDentifiers (UUIDs)',
  'RFC 9700': 'Best Current Practice for OAuth 2.0 Security',
  'RFC 9728': 'OAuth 2.0 Protected Resource Metadata',
  'RFC 9864':
    'Fully-Specified Algorithms for JSON Object Signing and Encryption (JOSE) and CBOR Object Signing and Encryption (COSE)',
  'RFC 10017': 'OAuth 2.0 for Browser-Based Applications',
  'draft-ietf-httpapi-ratelimit-headers': 'RateLimit header fields for HTTP',
  'draft-ietf-oauth-client-id-metadata-document': 'OAuth Client ID Metadata Document',
  'draft-ietf-oauth-identity-assertion-authz-grant': 'Identity Assertion JWT Authorization Grant',
  'draft-ietf-oauth-status-list': 'Token Status List',
  'draft-parecki-oauth-global-token-revocation': 'Global Token Revocation',
  'OpenID Connect Core': 'OpenID Connect Core 1.0',
  'Fetch Standard': 'The Fetch Standard of the WHATWG',
  'HTML Living Standard': 'The HTML Living Standard of the WHATWG',
  'NIST SP 800-38D': 'Recommendation for Block Cipher Modes of Operation: GCM',
  'NIST SP 800-63B': 'Digital Identity Guidelines: Authentication and Lifecycle Management',
  'W3C Fetch Metadata': 'Fetch Metadata Request Headers',
  'WCAG 2.2': 'Web Content Accessibility Guidelines (WCAG) 2.2',
  WebAuthn: 'Web Authentication: An API for accessing Public Key Credentials',
} as const

const NAMES = Object.keys(STANDARDS).toSorted((a, b) => b.length - a.length)
const SECTION = String.raw`§\d+(?:\.\d+)*|appendix [A-Z](?:\.\d+)*`
const CITATION = new RegExp(
  `(?<standard>RFC \\d{4,5}(?:bis)?|draft-[a-z]+(?:-[a-z]+)+|${NAMES.join('|')})?(?:-\\d\\d)?(?:(?:,| and)? ?(?:${SECTION}))*`,
  'g',
)

/** A section of a standard. Empty when the standard is cited as a whole. */
export type Citation = Readonly<{ standard: string; section: string }>

/** Every section that a text cites. A section that follows no standard is one of the standard before it, at first of `standard`. */
export const citationsIn = (text: string, standard: string | null = null): readonly Citation[] => {
  let current = standard
  return [...text.matchAll(CITATION)].flatMap(([cited, named]) => {
    const sections = cited.match(new RegExp(SECTION, 'g')) ?? []
    current = named ?? current
    if (current === null || (named === undefined && sections.length === 0)) return []
    const of = current
    return (sections.length === 0 ? [''] : sections).map(section => ({ standard: of, section }))
  })
}

/** A place that cites a section. The title is that of a test. A file of src has none. */
type Place = Citation & Readonly<{ path: string; title: string | null }>

/** The citations in the comments of src. */
const rulesIn = ({ path, text }: Readonly<{ path: string; text: string }>): readonly Place[] => {
  const comments = text.match(/\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/.*/g) ?? []
  return citationsIn(comments.join('\n').replaceAll(/\n *\*/g, ' ')).map(citation => ({
    ...citation,
    path,
    title: null,
  }))
}

/** The start of a `describe` or an `it`, its indentation, and its title, which may follow the call of a modifier. */
const OPENING =
  /^( *)(?:describe|it)(?:(?:\.\w+)+(?:<[^\n]*>)?\([\s\S]*?\)\(|\()\s*(['"`])((?:\\.|(?!\2)[^\\])*)\2/gm

type Title = Readonly<{ indent: number; at: number; text: string }>

const titlesIn = (text: string): readonly Title[] =>
  [...text.matchAll(OPENING)].map(match => ({
    indent: match[1]?.length ?? 0,
    at: match.index,
    text: (match[3] ?? '').replaceAll(/\\(.)/g, '$1'),
  }))

/** The citations in the titles and comments of a suite. A comment is filed under the title of the test or suite around it. */
const testsIn = ({ path, text }: Readonly<{ path: string; text: string }>): readonly Place[] => {
  const titles = titlesIn(text)
  /** The titles of the suites around a position, the outermost first. */
  const around = (at: number, indent: number) =>
    titles.reduce<readonly Title[]>(
      (open, title) =>
        title.at < at && title.indent < indent
          ? [...open.filter(outer => outer.indent < title.indent), title]
          : open,
      [],
    )
  const standardOf = (suites: readonly Title[]) =>
    suites.flatMap(suite => citationsIn(suite.text)).at(-1)?.standard ?? null
  const ofTitles = titles.flatMap(title =>
    citationsIn(title.text, standardOf(around(title.at, title.indent))).map(citation => ({
      ...citation,
      path,
      title: title.text,
    })),
  )
  const ofComments = [...text.matchAll(/^( *)(?:\/\*\*?([\s\S]*?)\*\/|\/\/(.*))/gm)].flatMap(match => {
    const suites = around(match.index, match[1]?.length ?? 0)
    const comment = (match[2] ?? match[3] ?? '').replaceAll(/\n *\*/g, ' ')
    const title = suites.at(-1) ?? titles[0]
    return citationsIn(comment, standardOf(suites)).map(citation => ({
      ...citation,
      path,
      title: title?.text ?? '',
    }))
  })
  return [...ofTitles, ...ofComments]
}

/** Every place that cites a section, in src and in the tests. */
export const readPlaces = (): Readonly<{ rules: readonly Place[]; tests: readonly Place[] }> => ({
  rules: readSources('src').flatMap(rulesIn),
  tests: readSources('test')
    .filter(({ path }) => /\.(?:test|full)\.ts$/.test(path))
    .flatMap(testsIn),
})

/** The cited standards that have no title. */
export const untitled = (): readonly string[] => {
  const { rules, tests } = readPlaces()
  return [...new Set([...rules, ...tests].map(({ standard }) => standard))].filter(
    standard => !(standard in STANDARDS),
  )
}

const HEAD = `# Index of RFC sections

Each section that the code cites: the files of \`src\` in which its rule is, and the tests of it. A section with no file of \`src\` is
one that a library or the whole of several files obeys; a section with no test is tested by what its file's own tests state.

This page is printed by \`npm run docs:rfc-index\`.
`

/** docs/rfc-index.md. */
export const renderRfcIndex = (): string => {
  const { rules, tests } = readPlaces()
  const cited = [...rules, ...tests]
  const chapters = Object.entries(STANDARDS)
    .filter(([standard]) => cited.some(place => place.standard === standard))
    .map(([standard, title]) => {
      const sections = [
        ...new Set(cited.filter(place => place.standard === standard).map(({ section }) => section)),
      ].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      const isOf = (section: string) => (place: Place) =>
        place.standard === standard && place.section === section
      const rows = sections.map(
        section =>
          `| ${section === '' ? 'as a whole' : section} | ${linksTo(rules.filter(isOf(section)))} | ${linksTo(tests.filter(isOf(section)))} |`,
      )
      return [
        `## ${standard} – ${title}`,
        '',
        '| section | rule | test |',
        '|---|---|---|',
        ...rows,
        '',
      ].join('\n')
    })
  return [HEAD, ...chapters].join('\n')
}

/** One line for each file, with the titles of its tests. */
const linksTo = (places: readonly Place[]): string => {
  const paths = [...new Set(places.map(({ path }) => path))]
  return paths
    .map(path => {
      const titles = new Set(places.filter(place => place.path === path).flatMap(({ title }) => title ?? []))
      const said = [...titles].map(title => toCell(title)).join('; ')
      return `[${path.replace(/^(?:src|test)\//, '')}](../${path})${said === '' ? '' : `: ${said}`}`
    })
    .join('<br>')
}

/** A title as text in a cell of a table, without the part that names the deployment. */
const toCell = (title: string): string =>
  title
    .replace(/,? (?:over two instances )?(?:on|with) \$name$| \(\$name\)$/, '')
    .replaceAll(/[|<>*_`\\[\]]/g, character => `\\${character}`)
