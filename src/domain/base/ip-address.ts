import ipaddr from 'ipaddr.js'

export type AddressRange = ReturnType<typeof ipaddr.parseCIDR>

/** RFC 4632, RFC 4291 – CIDR ranges; a bare address is a range of one. */
export const parseAddressRanges = (
  texts: readonly string[],
): { ranges: readonly AddressRange[] } | { wrong: string } => {
  const ranges: AddressRange[] = []
  for (const text of texts) {
    const cidr = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`
    if (!ipaddr.isValidCIDR(cidr)) return { wrong: text }
    ranges.push(ipaddr.parseCIDR(cidr))
  }
  return { ranges }
}

/**
 * RFC 7239 §6 – An address without its port (digits, or an obfuscated one), brackets and zone. IPv4 that is mapped into
 * IPv6 becomes IPv4. Null for a text that is no complete address, such as `1` or `010.0.0.1`.
 */
export const parseAddress = (text: string | undefined): string | null => {
  const address = text
    ?.trim()
    .replace(/^\[(.*)\](?::(?:\d+|_[\w.-]+))?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):(?:\d+|_[\w.-]+)$/, '$1')
    .replace(/%.*$/, '')
  if (address === undefined) return null
  const isAddress = address.includes(':')
    ? ipaddr.IPv6.isValid(address)
    : ipaddr.IPv4.isValidFourPartDecimal(address)
  return isAddress ? ipaddr.process(address).toString() : null
}

/** True when the address lies in one of the ranges. */
export const isWithin = (address: string, ranges: readonly AddressRange[]): boolean => {
  const parsed = ipaddr.process(address)
  return ranges.some(range => range[0].kind() === parsed.kind() && parsed.match(range))
}

/** Ours – The key that limits count an address by: for IPv6 its /64, because a subscriber holds a whole one. */
export const limitKeyOf = (address: string): string => {
  if (!address.includes(':')) return address
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/64`).toString()}/64`
}

/** RFC 8252 §7.3 – A loopback address, or the name that RFC 6761 §6.3 reserves for it. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
