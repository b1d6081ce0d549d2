const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

/** RFC 9562 §4 – True for a UUID in the form that Signet writes. The database refuses other texts as ids. */
export const isUuid = (text: string): boolean => UUID.test(text)

/** RFC 9562 §5.9 – The nil UUID: sorts before every id and names no row. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000'
