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
