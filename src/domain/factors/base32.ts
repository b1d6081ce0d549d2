/** RFC 4648 §6, in lower case. The alphabet lacks 0, 1, 8 and 9, which people take for letters. */
export const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 §6 – In upper case and without padding, as authenticator applications expect it. Takes a multiple of 5 bytes. */
export const base32Of = (bytes: Uint8Array): string => {
  const bits = Array.from(bytes, byte => byte.toString(2).padStart(8, '0')).join('')
  return bits.replaceAll(/.{5}/g, five => BASE32.charAt(Number.parseInt(five, 2))).toUpperCase()
}

/** RFC 4648 §6 – The bytes of a text in either case, with or without padding and spaces. Null for any other text. */
export const bytesOfBase32 = (text: string): Uint8Array | null => {
  const digits = text.replaceAll(' ', '').replace(/=+$/, '').toLowerCase()
  if (!/^[a-z2-7]+$/.test(digits)) return null
  const bits = digits.replaceAll(/./g, digit => BASE32.indexOf(digit).toString(2).padStart(5, '0'))
  const bytes = bits.match(/.{8}/g) ?? []
  return Uint8Array.from(bytes, byte => Number.parseInt(byte, 2))
}
