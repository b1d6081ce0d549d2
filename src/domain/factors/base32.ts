/** RFC 4648 §6, in lower case. The alphabet lacks 0, 1, 8 and 9, which people take for letters. */
export const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 §6 – In upper case and without padding, as authenticator applications expect it. Takes a multiple of 5 bytes. */
export const base32Of = (bytes: Uint8Array): string => {
  const bits = Array.from(bytes, byte => byte.toString(2).padStart(8, '0')).join('')
  return bits.replaceAll(/.{5}/g, five => BASE32.charAt(Number.parseInt(five, 2))).toUpperCase()
}
