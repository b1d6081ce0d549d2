import { type AddressRange, isWithin, parseAddress } from '../base/ip-address.ts'
import type { OutboundRefusal } from './outbound-verdicts.ts'
import { isGlobalAddress } from './special-addresses.ts'

export type OutboundTarget = Readonly<{
  isSecure: boolean
  /** As the `Host` header has it: with a port that is not the scheme's own. */
  host: string
  /** A name, or an address without brackets. */
  hostname: string
  port: number
  /** With the query. */
  path: string
  /** Null where the host is a name. */
  address: string | null
}>

/** Refusals of a URL, and of an address that is written in the URL. */
export type UrlRefusal = Exclude<OutboundRefusal, 'busy'>

type Judged = Readonly<{ target: OutboundTarget } | { refusal: UrlRefusal }>

const URL_MAX_CHARACTERS = 2_048

/** RFC 3986 §2 – No spaces, no control characters, no backslashes: a parser would drop or rewrite them. */
const URI = /^[\x21-\x5b\x5d-\x7e]+$/

/**
 * Ours – Judges a URL before anything is asked for it. The WHATWG parser writes every spelling of an IPv4 address (decimal, octal, hex,
 * with a trailing dot) as four decimals, so that the judged address is the one that is connected to.
 */
export const judgeOutboundUrl = (text: string, allow: readonly AddressRange[]): Judged => {
  if (text.length > URL_MAX_CHARACTERS || !URI.test(text) || !URL.canParse(text))
    return { refusal: 'url_malformed' }
  if (/^[^:]*:\/*[^/?#]*@/.test(text)) return { refusal: 'user_information' }
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { refusal: 'scheme_refused' }
  const target = targetOf(url)
  if (!target.isSecure && allow.length === 0) return { refusal: 'scheme_refused' }
  const refusal = target.address === null ? null : judgeOutboundAddress(target.address, target, allow)
  return refusal === null ? { target } : { refusal }
}

/** Ours – https to a public host; either scheme to an address that the operator allows. Null: it may be connected to. */
export const judgeOutboundAddress = (
  address: string | undefined,
  { isSecure }: Pick<OutboundTarget, 'isSecure'>,
  allow: readonly AddressRange[],
): UrlRefusal | null => {
  const parsed = parseAddress(address)
  if (address === undefined || parsed === null) return 'address_refused'
  if (isWithin(parsed, allow)) return null
  if (!isGlobalAddress(address)) return 'address_refused'
  return isSecure ? null : 'scheme_refused'
}

const targetOf = ({ protocol, host, hostname, port, pathname, search }: URL): OutboundTarget => {
  const isSecure = protocol === 'https:'
  const unbracketed = hostname.replace(/^\[(.*)\]$/, '$1')
  return {
    isSecure,
    host,
    hostname: unbracketed,
    port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    path: `${pathname}${search}`,
    address: parseAddress(unbracketed) === null ? null : unbracketed,
  }
}
