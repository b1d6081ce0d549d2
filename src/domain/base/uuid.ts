const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

/** RFC 9562 §4 – True for a UUID in the form that Signet writes. The database refuses other texts as ids. */
export const isUuid = (text: string): boolean => UUID.test(text)

/** RFC 9562 §5.9 – The nil UUID: sorts before every id and names no row. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000'

/** RFC 9562 §5.10 – The max UUID: sorts after every id and names no row. */
export const MAX_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

export const UUID_BYTES = 16

export const bytesOfUuid = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex')

/** The reverse of `bytesOfUuid`. */
export const uuidOf = (bytes: Buffer): string => {
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** RFC 9562 §5.7 – Sorts before every UUIDv7 of this millisecond and after those of the one before. */
export const firstIdAt = (time: Date): string => {
  const bytes = Buffer.alloc(UUID_BYTES)
  bytes.writeUIntBE(Math.max(0, time.getTime()), 0, 6)
  return uuidOf(bytes)
}
