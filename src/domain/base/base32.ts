/** RFC 4648 §6, in lower case: no 0, 1, 8 and 9, which people read as letters. */
export const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 §6 – Upper case and without padding, as authenticator applications want it. Expects a multiple of 5 bytes. */
export const base32Of = (bytes: Uint8Array): string => {
  const bits = Array.from(bytes, byte => byte.toString(2).padStart(8, '0')).join('')
  return bits.replaceAll(/.{5}/g, five => BASE32.charAt(Number.parseInt(five, 2))).toUpperCase()
}
