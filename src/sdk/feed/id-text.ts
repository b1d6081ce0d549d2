/** RFC 4648 §5 – Values of base64url characters by character code. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const SEXTETS = Uint8Array.from({ length: 128 }, (_, code) =>
  Math.max(0, ALPHABET.indexOf(String.fromCharCode(code))),
)

/**
 * Reads each id of 16 bytes of a canonical base64url text into the words of `id`, and calls `take`. It makes
 * no array of the decoded bytes, which for a million ids would leave 16 MB to the garbage collector.
 */
export const readIds = (encoded: string, id: Int32Array, take: () => void) => {
  let word = 0
  let missing = 32
  let at = 0
  for (let index = 0; index < encoded.length; index += 1) {
    const sextet = SEXTETS[encoded.charCodeAt(index)] ?? 0
    missing -= 6
    if (missing > 0) {
      word = (word << 6) | sextet
      continue
    }
    id[at] = (word << (6 + missing)) | (sextet >>> -missing)
    word = sextet & ((1 << -missing) - 1)
    missing += 32
    at = (at + 1) & 3
    if (at === 0) take()
  }
}

/**
 * RFC 9562 §4.2 – The version of a UUID, in its second word. A `sid` is a UUIDv7, and the issuer makes each `jti` a UUIDv4: the
 * version tells a follower without room for both which ids end a whole sign-in.
 */
export const isSignIn = (secondWord: number): boolean => ((secondWord >>> 12) & 0xf) === 7

/** Values of hexadecimal digits by character code; -1 for every other character. Capitals are not canonical. */
const DIGITS = Int8Array.from({ length: 128 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code)),
)

/** RFC 9562 §4 – False when the text is no canonical UUID. Without a regular expression, because this runs for each verified request. */
export const readUuid = (text: string, id: Int32Array): boolean => {
  for (const place of DASHES) if (text.charCodeAt(place) !== DASH) return false
  return [0, 1, 2, 3].every(word => readWord(text, id, word))
}

/** Reads one word of a UUID. False when a character is no hexadecimal digit; dashes are not checked. */
export const readWord = (text: string, id: Int32Array, word: number): boolean => {
  let faults = 0
  let value = 0
  for (let byte = word * 4; byte < word * 4 + 4; byte += 1) {
    const read = byteAt(text, BYTE_PLACES[byte] ?? 0)
    faults |= read
    value = (value << 8) | read
  }
  id[word] = value
  return faults >= 0
}

/** Where the two digits of each byte begin in xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. */
const BYTE_PLACES = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)
const DASHES = [8, 13, 18, 23] as const
const DASH = 0x2d

/** Negative when one of the two characters is no digit. */
const byteAt = (text: string, place: number): number =>
  ((DIGITS[text.charCodeAt(place)] ?? -1) << 4) | (DIGITS[text.charCodeAt(place + 1)] ?? -1)
