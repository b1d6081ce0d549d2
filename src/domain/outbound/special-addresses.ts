import ipaddr from 'ipaddr.js'
import { type AddressRange, parseAddressRanges } from '../base/ip-address.ts'

const rangesOf = (texts: readonly string[]): readonly AddressRange[] => {
  const parsed = parseAddressRanges(texts)
  if ('wrong' in parsed) throw new Error(`${parsed.wrong} is no range`)
  return parsed.ranges
}

/**
 * RFC 6890, IANA IPv4 Special-Purpose Address Registry – Every block of it, the globally reachable ones too, which serve the network and
 * no application; multicast (RFC 5771); and a public address under which every machine in Azure reaches the metadata of Azure.
 */
const SPECIAL_IPV4 = rangesOf([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])

/** RFC 4291 §2.4, IANA IPv6 Address Space – Global unicast: the only block from which addresses are given to hosts of the Internet. */
const GLOBAL_UNICAST = rangesOf(['2000::/3'])

/** IANA IPv6 Special-Purpose Address Registry – Its blocks within global unicast: Teredo and others, documentation, 6to4, AS112. */
const SPECIAL_IPV6 = rangesOf(['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'])

/**
 * Ours – Whether an address is one of a public host. IPv6 is refused by default: IPv4 that is mapped into IPv6, translated (NAT64) or
 * tunnelled (6to4, Teredo) lies outside of global unicast or in a special block. False for a text that is no complete address.
 */
export const isGlobalAddress = (text: string): boolean => {
  if (text.includes(':')) {
    if (!ipaddr.IPv6.isValid(text)) return false
    const address = ipaddr.IPv6.parse(text)
    return isIn(address, GLOBAL_UNICAST) && !isIn(address, SPECIAL_IPV6)
  }
  return ipaddr.IPv4.isValidFourPartDecimal(text) && !isIn(ipaddr.IPv4.parse(text), SPECIAL_IPV4)
}

const isIn = (address: ipaddr.IPv4 | ipaddr.IPv6, ranges: readonly AddressRange[]): boolean =>
  ranges.some(range => range[0].kind() === address.kind() && address.match(range))
