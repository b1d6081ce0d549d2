const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

/** RFC 9562 §4 – True for a UUID as we write it; the database takes no other text where an id is meant. */
export const isUuid = (text: string): boolean => UUID.test(text)

/** RFC 9562 §5.9 – Before every id, and the id of no row. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000'
